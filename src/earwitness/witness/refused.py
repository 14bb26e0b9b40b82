"""Why a witness does not cosign, with the status that C2SP's tlog-witness gives each reason."""

from typing import ClassVar

from earwitness.archive.ledger.notes.add_checkpoint import SIZE_TYPE


class Refused(Exception):
    """The message is a sentence for whoever runs the log. It repeats nothing of the request."""

    status: ClassVar[int]
    content_type: ClassVar[str] = "text/plain; charset=utf-8"

    @property
    def body(self) -> str:
        return f"{self}\n"


class Malformed(Refused):
    status = 400


class NotSigned(Refused):
    """No key of the log signed the checkpoint, or a signature that says that it is the log's is wrong."""

    status = 403


class UnknownLog(Refused):
    status = 404


class OtherSize(Refused):
    """The witness has another size than the request starts from. The answer is that size."""

    status = 409
    content_type = SIZE_TYPE

    def __init__(self, size: int) -> None:
        super().__init__(f"The latest checkpoint has the size {size}.")
        self.size = size

    @property
    def body(self) -> str:
        return f"{self.size}\n"


class Inconsistent(Refused):
    """The log does not go on from the checkpoint that the witness cosigned."""

    status = 422
