"""The key that signs what leaves the server and comes back: bearer tokens, search tokens, media URLs."""

import hmac
from functools import cached_property

from earwitness.kernel.settings import Settings
from earwitness.media.keys.token_key import token_key


class SigningKey:
    """The installation's signing key. It is read when it is first used: most commands need none."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def value(self) -> bytes:
        return token_key(self._settings)

    def code(self, purpose: str, content: bytes) -> bytes:
        """An authentication code (HMAC-SHA256) over content that leaves the server and comes back."""
        return hmac.digest(self.value, purpose.encode() + b"\0" + content, "sha256")
