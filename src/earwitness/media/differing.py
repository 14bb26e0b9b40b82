"""The error for a key, store or folder that is not the archive's, and the value to compare keys by."""

from typing import ClassVar, Literal

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from earwitness.kernel.errors import Unavailable

Compared = Literal["key", "token-key", "ledger-key", "store", "installation"]

_SIZE = 16


class Differs(Unavailable):
    """This server's key, store or folder is not that of the archive."""

    default_code: ClassVar[str] = "installation-differs"

    def __init__(self, what: Compared, detail: str, remedy: str = "") -> None:
        """`detail` is for everybody. `remedy` names places on this machine, so it is for operators only."""
        super().__init__(detail, code=f"{what}-differs", headers={"Retry-After": "30"})
        self.what = what
        self.for_operators = f"{detail} {remedy}".rstrip()


def check_value(purpose: str, secret: bytes) -> str:
    """32 hex digits that tell whether two secrets are the same, but nothing about them.

    HKDF-SHA256 (RFC 5869) of the secret without salt, with `earwitness check value 1`, a zero byte and the
    purpose as info.
    """
    info = b"earwitness check value 1\0" + purpose.encode()
    return HKDF(SHA256(), _SIZE, None, info).derive(secret).hex()
