"""A simple key management service, since no real one runs here."""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from earwitness.kernel.errors import Conflict, Corrupt, Unavailable
from earwitness.media.keys.key_ring import WrappedKey


class Service:
    """A service whose keys nobody else can read."""

    def __init__(self) -> None:
        self.keys = {"hsm-1": AESGCM.generate_key(256)}
        self.answers = True

    @property
    def current(self) -> str:
        return self.ids[-1]

    @property
    def ids(self) -> list[str]:
        return sorted(self.keys)

    def wrap(self, data_key: bytes, context: bytes) -> WrappedKey:
        nonce = os.urandom(12)
        return WrappedKey(self.current, nonce + self._key(self.current).encrypt(nonce, data_key, context))

    def unwrap(self, wrapped: WrappedKey, context: bytes) -> bytes:
        try:
            return self._key(wrapped.kek_id).decrypt(wrapped.wrapped[:12], wrapped.wrapped[12:], context)
        except (InvalidTag, KeyError):
            raise Corrupt("The key of this recording does not verify.") from None

    def rotate(self) -> str:
        self.keys[f"hsm-{len(self.keys) + 1}"] = AESGCM.generate_key(256)
        return self.current

    def retire(self, kek_id: str) -> None:
        raise Conflict("The service's own console retires keys.")

    def _key(self, kek_id: str) -> AESGCM:
        if not self.answers:
            raise Unavailable("The key management service does not answer.")
        return AESGCM(self.keys[kek_id])


SERVICE = Service()


def open_service() -> Service:
    return SERVICE
