"""The log of the account: its checkpoint, the key that signs it, and how one checkpoint continues another."""

from importlib import resources
from typing import Literal

from msgspec import field

from earwitness.archive.ledger.notes.checkpoint import Checkpoint
from earwitness.archive.ledger.notes.signed_note import SignedNote
from earwitness.archive.ledger.proving import attested_checkpoint, given_checkpoint, tree_of
from earwitness.archive.ledger.signing import signed_checkpoint
from earwitness.archive.ledger.tree.hashing import EMPTY_ROOT
from earwitness.archive.upkeep.ledgers.ledger_heads import check, show_newest
from earwitness.archive.upkeep.ledgers.ledger_log import bring_up_to_date, signer_in
from earwitness.kernel.errors import BadRequest, Fault, NotFound
from earwitness.kernel.rights import Right
from earwitness.kernel.wire import Wire
from earwitness.operations import operations
from earwitness.operations.operations import Call

TEXT = "text/plain"
"""The charset is added to it."""

_VERIFIER = resources.files("earwitness.archive.ledger") / "verify_ledger.py"


class CheckpointQuery(Wire):
    """Which checkpoint."""

    witnessed: Literal["true", "false"] | None = None


class ConsistencyQuery(Wire):
    """Two sizes of the log, the smaller one first."""

    from_: int = field(name="from")
    to: int


class Consistency(Wire):
    """The proof, as RFC 9162 defines it in section 2.1.4, that the larger log begins with the smaller one."""

    from_: int = field(name="from")
    to: int
    hashes: list[str]


def with_all_that_is_committed(call: Call) -> None:
    """What was answered before a call is in the checkpoint that the call gets."""
    show_newest(call.archive, call.accounts)


def _with_the_first_checkpoint(call: Call) -> None:
    """The name in the key is settled by the first checkpoint."""
    check(call.archive, call.accounts)
    bring_up_to_date(call.archive, call.accounts)


@operations.read(
    "/ledger/checkpoint",
    method="GET",
    right=Right.LEDGER_VIEW,
    beforehand=with_all_that_is_committed,
    content_type=TEXT,
    refuses=(NotFound,),
)
def get_checkpoint(call: Call, body: CheckpointQuery) -> str:
    """Get the newest checkpoint: a signed note with the number of actions, and one hash over all of them.

    What was answered before this call is in it. With `witnessed=true` it is the newest one that a witness
    cosigned, or an authority timestamped: they are asked once an hour.
    """
    if body.witnessed != "true":
        return newest_note(call).encode().decode()
    if note := attested_checkpoint(call.connection):
        return note.encode().decode()
    raise NotFound("No witness has cosigned a checkpoint of this ledger, and no authority timestamped one.")


@operations.read(
    "/ledger/key",
    method="GET",
    right=Right.LEDGER_VIEW,
    beforehand=_with_the_first_checkpoint,
    content_type=TEXT,
)
def get_ledger_key(call: Call) -> str:
    """Get the verifier key of the checkpoints, as C2SP's signed-note writes it."""
    return signer_in(call.connection, call.accounts).verifier.text + "\n"


@operations.read(
    "/ledger/consistency",
    method="GET",
    right=Right.LEDGER_VIEW,
    beforehand=with_all_that_is_committed,
)
def get_consistency(call: Call, body: ConsistencyQuery) -> Consistency:
    """Get the proof that the log of one size is the beginning of the log of another size."""
    size = Checkpoint.read(newest_note(call).text).size
    if not 0 <= body.to <= size:
        raise BadRequest.of(Fault("to", f"expected a size of the log, which has {size} actions"))
    if not 0 <= body.from_ <= body.to:
        raise BadRequest.of(Fault("from", "expected a size that is not larger than `to`"))
    proof = tree_of(call.connection, body.to).consistency(body.from_)
    return Consistency(from_=body.from_, to=body.to, hashes=[one.hex() for one in proof])


def newest_note(call: Call) -> SignedNote:
    """The newest checkpoint that may be given, with its cosignatures, also of a log without any action."""
    newest = given_checkpoint(call.connection)
    return newest or signed_checkpoint(signer_in(call.connection, call.accounts), 0, EMPTY_ROOT)


@operations.read("/ledger/verify.py", method="GET", right=Right.LEDGER_VIEW, content_type=TEXT)
def get_verifier(_: Call) -> str:
    """Get a program that checks copies of the log: one file, which needs Python alone."""
    return _VERIFIER.read_text()


ROUTES = [get_checkpoint, get_ledger_key, get_consistency, get_verifier]
