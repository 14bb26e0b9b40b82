"""URLs that play one recording in one format, for players that cannot send headers.

The token in its query says whose it is and until when it is good, sealed with a code over all of it.
"""

import base64
import hmac
import secrets
from typing import Any

import msgspec

from earwitness.http.tokens import Tokens, unauthenticated
from earwitness.kernel.clock import now_ms
from earwitness.kernel.formats import Format

LIFETIME_MS = 5 * 60_000

_PURPOSE = "media-url"
_CODE_BYTES = 32


class Grant(msgspec.Struct, array_like=True, frozen=True):
    """What a URL is for: the user, with the key it signed in with, and what may be played."""

    client_id: int
    user_id: int
    key_id: int
    interaction_id: int
    format: Format
    comment: str | None
    expires_at: int
    url_id: str = msgspec.field(default_factory=lambda: secrets.token_hex(8))

    @property
    def claims(self) -> dict[str, Any]:
        """The same as a bearer token says it."""
        return {"client": self.client_id, "sub": self.user_id, "key": self.key_id}


def seal(tokens: Tokens, grant: Grant) -> str:
    content = msgspec.json.encode(grant)
    return base64.urlsafe_b64encode(tokens.signing_key.code(_PURPOSE, content) + content).decode().rstrip("=")


def unseal(tokens: Tokens, token: str) -> Grant:
    """Read a token. Raises Unauthenticated; one that has expired with the code `token-expired`."""
    try:
        sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        raise unauthenticated("The URL is not valid.") from None
    code, content = sealed[:_CODE_BYTES], sealed[_CODE_BYTES:]
    if not hmac.compare_digest(code, tokens.signing_key.code(_PURPOSE, content)):
        raise unauthenticated("The URL is not valid.")
    grant = msgspec.json.decode(content, type=Grant)
    if grant.expires_at < now_ms():
        raise unauthenticated("The URL has expired; request a new one.", "token-expired")
    return grant
