"""Authentication: an API key, or a refresh token, for a short-lived bearer token."""

import hmac
import secrets
import time
from collections.abc import Callable
from typing import Any, TypeVar

import anyio
from anyio import to_thread
from litestar import Response
from sqlalchemy import Connection, delete, insert, select, update

from earwitness.archive.access.usernames import key_of
from earwitness.archive.access.users import hash_of
from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.accounts.sign_in import check_failures, count_failure
from earwitness.archive.ledger.ledger import Action, Entry, append
from earwitness.archive.schema.people import api_keys, refresh_tokens, users
from earwitness.http import decode
from earwitness.http.client_address import address_of
from earwitness.http.installation import Installation
from earwitness.http.openapi.operations import Describes
from earwitness.http.operations import AnyRequest, encode
from earwitness.http.routes import public
from earwitness.http.tokens import unauthenticated
from earwitness.kernel.clock import now_ms
from earwitness.kernel.errors import NotFound, TooManyRequests, Unauthenticated
from earwitness.kernel.logs import request_id
from earwitness.kernel.wire import Id, Wire, convert

Sent = TypeVar("Sent")
Step = Callable[[Installation, AnyRequest, Sent], "SignedIn"]

_ROUTE = "/authWithApiKey"

# Every failure is answered this long after it arrived, so that the time does not show what was wrong. An
# address that failed too often is answered at once, which shows nothing more.
_FAILURE_SECONDS = 0.1

_FORGOTTEN_AT_ONCE = 100
"""How many refresh tokens that are over are deleted by a sign-in: more than it adds."""


class ApiKeySignIn(Wire):
    """What a client signs in with."""

    client_id: Id
    api_key: str
    username: str


class Refresh(Wire):
    """A refresh token, which works once."""

    refresh_token: str


class SignedIn(Wire):
    """A bearer token for the `Authorization` header, and a refresh token for the next pair."""

    token: str
    refresh_token: str


@public(
    ["/authWithApiKey", "/authWithAPIKey"],
    "POST",
    describes=Describes(ApiKeySignIn, SignedIn, refuses=(Unauthenticated, TooManyRequests)),
)
async def authenticate_with_api_key(request: AnyRequest) -> Response[Any]:
    """Exchange an API key for a short-lived bearer token."""
    body = convert(decode.parse(request, await request.body(), from_query=False), ApiKeySignIn)
    return await _answer(request, _sign_in, body)


@public("/auth/refresh", "POST", describes=Describes(Refresh, SignedIn, refuses=(Unauthenticated,)))
async def refresh(request: AnyRequest) -> Response[Any]:
    """Exchange a refresh token for a new pair; using it twice revokes all tokens that came from it."""
    body = convert(decode.parse(request, await request.body(), from_query=False), Refresh)
    return await _answer(request, _refresh, body)


ROUTES = [authenticate_with_api_key, refresh]


async def _answer(request: AnyRequest, step: Step[Sent], body: Sent) -> Response[Any]:
    began = time.monotonic()
    installation: Installation = request.app.state.installation
    try:
        signed_in = await to_thread.run_sync(
            step, installation, request, body, limiter=request.app.state.sign_ins
        )
    except Unauthenticated:
        await anyio.sleep(max(0.0, began + _FAILURE_SECONDS - time.monotonic()))
        raise
    return encode(signed_in, 200)


def _sign_in(installation: Installation, request: AnyRequest, body: ApiKeySignIn) -> SignedIn:
    address = address_of(request, installation.settings.trusted_proxies)
    check_failures(installation.accounts, address)
    try:
        archive = installation.accounts.open(body.client_id)
    except NotFound:
        count_failure(installation.accounts, address)
        raise _refused() from None
    who, key_id = _named_user_and_key(archive, body)
    if who is None or key_id is None:
        count_failure(installation.accounts, address)
        with archive.write(locked=False) as connection:
            _log_sign_in(connection, who, address, None)
        raise _refused()
    with archive.write(locked=False) as connection:  # a sign-in does not wait for writers
        connection.execute(update(users).where(users.c.id == who.id).values(last_login_at=now_ms()))
        _log_sign_in(connection, who, address, key_id)
        return _issue(connection, installation, archive, who.id, key_id, secrets.token_hex(16))


def _named_user_and_key(archive: Archive, body: ApiKeySignIn) -> tuple[Any, int | None]:
    """The id and the name of the user that is named, and the id of the key that was sent; else None."""
    offered = hash_of(body.api_key)
    key = api_keys.c
    works = (key.user_id == users.c.id) & key.revoked_at.is_(None) & users.c.is_active & ~users.c.is_locked
    with archive.read() as connection:
        found = connection.execute(
            select(users.c.id, users.c.username, key.id.label("key_id"), key.key_hash)
            .join_from(users, api_keys, works, isouter=True)
            .where(users.c.username_folded == key_of(connection, body.username))
        ).all()
    for one in found:
        if one.key_hash is not None and hmac.compare_digest(one.key_hash, offered):
            return one, one.key_id
    return (found[0] if found else None), None


def _log_sign_in(connection: Connection, who: Any, address: str, key_id: int | None) -> None:
    """Write who signed in, or was refused, to the ledger.

    A name that nobody has is left out: what is sent as a name may be a secret. The row is no row of the user,
    which would take the user's present state for that of this action.
    """
    user_id, username = (0, "") if who is None else (who.id, who.username)
    action = Action(
        "POST",
        _ROUTE,
        "Sign in",
        username,
        address,
        user_id or None,
        request_id.get() or secrets.token_hex(8),
    )
    metadata: dict[str, object] | None = None if key_id is None else {"apiKeyId": key_id}
    append(connection, action, [Entry(user_id, "SignIn", metadata, 401 if key_id is None else 200)])


def _refresh(installation: Installation, _request: AnyRequest, body: Refresh) -> SignedIn:
    claims = installation.tokens.read("refresh", body.refresh_token)
    try:
        archive = installation.accounts.open(int(claims["client"]))
    except NotFound:
        raise _refused() from None
    token_hash = hash_of(claims["jti"])
    with archive.write(locked=False) as connection:  # the row of the token is locked instead
        known = connection.execute(
            select(refresh_tokens).where(refresh_tokens.c.token_hash == token_hash).with_for_update()
        ).one_or_none()
        if known is not None and known.used_at is None and _is_active(connection, claims):
            connection.execute(
                update(refresh_tokens)
                .where(refresh_tokens.c.token_hash == token_hash)
                .values(used_at=now_ms())
            )
            return _issue(
                connection, installation, archive, int(claims["sub"]), known.api_key_id, known.family
            )
        if known is not None:
            connection.execute(delete(refresh_tokens).where(refresh_tokens.c.family == known.family))
    raise _refused()


def _is_active(connection: Connection, claims: dict[str, Any]) -> bool:
    return (
        connection.scalar(
            select(users.c.id)
            .join(api_keys, api_keys.c.user_id == users.c.id)
            .where(users.c.id == int(claims["sub"]), users.c.is_active, ~users.c.is_locked)
            .where(api_keys.c.id == int(claims["key"]), api_keys.c.revoked_at.is_(None))
        )
        is not None
    )


def _issue(
    connection: Connection,
    installation: Installation,
    archive: Archive,
    user_id: int,
    key_id: int,
    family: str,
) -> SignedIn:
    owner = (archive.client_id, user_id, key_id, family)
    token, _, token_expires_at = installation.tokens.mint("bearer", *owner)
    refresh_token, unique, expires_at = installation.tokens.mint("refresh", *owner)
    over = select(refresh_tokens.c.token_hash).where(refresh_tokens.c.expires_at < now_ms())
    connection.execute(
        delete(refresh_tokens).where(refresh_tokens.c.token_hash.in_(over.limit(_FORGOTTEN_AT_ONCE)))
    )
    connection.execute(
        insert(refresh_tokens).values(
            token_hash=hash_of(unique),
            family=family,
            api_key_id=key_id,
            expires_at=max(expires_at, token_expires_at),  # a bearer token is valid while its family is known
        )
    )
    return SignedIn(token=token, refresh_token=refresh_token)


def _refused() -> Unauthenticated:
    return unauthenticated("The credentials are not valid.")
