"""Bearer and refresh tokens: JSON Web Tokens (RFC 7519), signed with the installation's own key."""

import secrets
from functools import lru_cache
from typing import Any, Literal

import jwt
import msgspec
from jwt.types import Options

from earwitness.kernel.clock import now_ms
from earwitness.kernel.errors import Unauthenticated
from earwitness.kernel.settings import Settings
from earwitness.operations.signing_key import SigningKey

Use = Literal["bearer", "refresh"]

_ALGORITHM = "HS256"
_HEADERS = {"WWW-Authenticate": 'Bearer realm="earwitness"'}


def unauthenticated(detail: str, code: str | None = None) -> Unauthenticated:
    return Unauthenticated(detail, code=code, headers=_HEADERS)


class Tokens:
    """Makes tokens and reads them."""

    def __init__(self, settings: Settings) -> None:
        self.signing_key = SigningKey(settings)
        self._key = self.signing_key.value  # a server without one does not start
        self._lifetime_ms = {
            "bearer": settings.token_minutes * 60_000,
            "refresh": settings.refresh_token_hours * 3_600_000,
        }
        # A client sends the same token with many calls. Its signature is checked once, its expiry each time.
        self._signed_by_us = lru_cache(maxsize=4096)(self._claims)

    def mint(
        self, use: Use, client_id: int, user_id: int, api_key_id: int, family: str
    ) -> tuple[str, str, int]:
        """Make a token. Returns the token, its unique id, and when it expires.

        All tokens that come from one sign-in are one family.
        """
        now = now_ms()
        expires_at = now + self._lifetime_ms[use]
        unique = secrets.token_hex(16)
        claims = {
            "sub": str(user_id),
            "use": use,
            "client": client_id,
            "key": api_key_id,
            "family": family,
            "jti": unique,
            "iat": now // 1000,
            "exp": expires_at // 1000,
        }
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM), unique, expires_at

    def read(self, use: Use, token: str) -> dict[str, Any]:
        """Check a token and return its claims. Raises Unauthenticated."""
        try:
            claims = self._signed_by_us(token)
        except jwt.InvalidTokenError:
            raise unauthenticated("The token is not valid.") from None
        if claims["exp"] * 1000 <= now_ms():
            raise unauthenticated("The token has expired; sign in again.", "token-expired")
        if claims.get("use") != use:
            raise unauthenticated(f"Expected a {use} token.")
        return claims

    def _claims(self, token: str) -> dict[str, Any]:
        options: Options = {"require": ["exp", "sub"], "verify_exp": False}
        return jwt.decode(token, self._key, algorithms=[_ALGORITHM], options=options)

    def sign(self, audience: str, claims: dict[str, Any]) -> str:
        """Make a token with these claims for one audience. `read` refuses it, as it accepts no audience.

        Text stays UTF-8: `jwt.encode` escapes it, so that a Russian comment is three times as long in a URL.
        """
        content = msgspec.json.encode({"aud": audience, **claims})
        return jwt.PyJWS().encode(content, self._key, algorithm=_ALGORITHM)

    def verify(self, audience: str, token: str) -> dict[str, Any]:
        """The claims of a token for one audience. Raises ValueError. It does not check `exp`."""
        options: Options = {"require": ["aud", "exp", "sub"], "verify_exp": False}
        try:
            return jwt.decode(token, self._key, algorithms=[_ALGORITHM], audience=audience, options=options)
        except jwt.InvalidTokenError as error:
            raise ValueError("the token is not valid") from error
