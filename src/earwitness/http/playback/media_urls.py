"""The tokens of media URLs, which play one recording in one format, for players that cannot send headers.

A token is a JSON Web Token (RFC 7519), signed with the key of bearer tokens. It names media URLs as its
audience, and a bearer token names none, so that neither is accepted in place of the other. Whoever has the
URL can play the recording until it expires; the rights of its user are looked up each time.
"""

import secrets
from typing import Any

import msgspec

from earwitness.http.tokens import Tokens, unauthenticated
from earwitness.kernel.clock import now_ms
from earwitness.kernel.formats import Format

LIFETIME_SECONDS = 300

_AUDIENCE = "media-url"


class MediaUrlClaims(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a media URL plays, for whom: `sub`, `client` and `key` as in a bearer token, `exp` in seconds."""

    sub: str
    client: int
    key: int
    recording: int
    format: Format
    comment: str | None = None
    exp: int = msgspec.field(default_factory=lambda: -(-now_ms() // 1000) + LIFETIME_SECONDS)
    jti: str = msgspec.field(default_factory=lambda: secrets.token_hex(8))
    """Its own id, by which plays of one URL are one row in the ledger."""

    @property
    def of_bearer_token(self) -> dict[str, Any]:
        """The claims that a bearer token has, too."""
        return {"client": self.client, "sub": self.sub, "key": self.key}


def sign_media_url(tokens: Tokens, claims: MediaUrlClaims) -> str:
    """The token of a media URL."""
    return tokens.sign(_AUDIENCE, msgspec.to_builtins(claims))


def read_media_url(tokens: Tokens, token: str) -> MediaUrlClaims:
    """Check the token of a media URL. Raises Unauthenticated, with the code `token-expired` if it expired."""
    try:
        claims = msgspec.convert(tokens.verify(_AUDIENCE, token), MediaUrlClaims)
    except ValueError:
        raise unauthenticated("The URL is not valid.") from None
    if claims.exp * 1000 <= now_ms():
        raise unauthenticated("The URL has expired; request a new one.", "token-expired")
    return claims
