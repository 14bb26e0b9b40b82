"""From a request to its viewer: the bearer token is read, the rights are looked up anew each time."""

import ipaddress
from collections.abc import Sequence
from typing import Any

import msgspec
from litestar import Request
from sqlalchemy import Connection, bindparam, select

from earwitness.archive.accounts import Archive
from earwitness.archive.schema.people import (
    access_policies,
    api_keys,
    user_policies,
    user_roles_and_rights,
    users,
)
from earwitness.archive.viewer import AccessPolicy, Viewer
from earwitness.http.installation import Installation
from earwitness.http.tokens import unauthenticated
from earwitness.kernel.errors import NotFound
from earwitness.kernel.rights import rights_of
from earwitness.kernel.settings import Network


def authenticate(installation: Installation, request: Request[Any, Any, Any]) -> tuple[Archive, Viewer]:
    """Read who asks. Raises Unauthenticated (401; an expired token with the code `token-expired`)."""
    return recognise(installation, request, claims_of(installation, request))


def claims_of(installation: Installation, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """What the bearer token says: the `client`, the user (`sub`) and the `key`. Raises Unauthenticated."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise unauthenticated("This needs a bearer token: POST /authWithApiKey gives one.")
    return installation.tokens.read("bearer", token.strip())


def recognise(
    installation: Installation, request: Request[Any, Any, Any], claims: dict[str, Any]
) -> tuple[Archive, Viewer]:
    """Look up who it is that something we signed speaks of. Raises Unauthenticated."""
    try:
        archive = installation.accounts.open(int(claims["client"]))
    except NotFound:
        raise unauthenticated("This token is not one of ours.") from None
    address = address_of(request, installation.settings.trusted_proxies)
    with archive.read() as connection:
        viewer = _viewer(connection, archive.client_id, int(claims["sub"]), int(claims["key"]), address)
    if viewer is None:
        raise unauthenticated("This user or key is no longer active.")
    return archive, viewer


def address_of(request: Request[Any, Any, Any], trusted: Sequence[Network]) -> str:
    """The caller's address: the peer's, or what trusted proxies say of whom they speak for.

    `X-Forwarded-For` is read from its end, as far as the addresses are those of trusted proxies.
    """
    peer = request.client.host if request.client else ""
    forwarded = ",".join(request.headers.getall("x-forwarded-for", [])).split(",")
    for address in [*forwarded, peer][::-1]:
        candidate = address.strip() or peer
        try:
            parsed = ipaddress.ip_address(candidate)
        except ValueError:
            return peer
        if not any(parsed in network for network in trusted):
            return candidate
    return peer


def comes_through(request: Request[Any, Any, Any], trusted: Sequence[Network]) -> bool:
    """Whether the peer is a trusted proxy, whose word on the caller is believed."""
    try:
        peer = ipaddress.ip_address(request.client.host if request.client else "")
    except ValueError:
        return False
    return any(peer in network for network in trusted)


# Every request asks these, so they are built once.
_USER = (
    select(users.c.username, users.c.username_folded, users.c.person_id)
    .join(api_keys, api_keys.c.user_id == users.c.id)
    .where(users.c.id == bindparam("user_id"), users.c.is_active, ~users.c.is_locked)
    .where(api_keys.c.id == bindparam("key_id"), api_keys.c.revoked_at.is_(None))
)
_GRANTED = select(user_roles_and_rights.c.name).where(user_roles_and_rights.c.user_id == bindparam("user_id"))
_POLICIES = (
    select(access_policies.c.conditions)
    .join(user_policies, user_policies.c.access_policy_id == access_policies.c.id)
    .where(user_policies.c.user_id == bindparam("user_id"))
)


def _viewer(connection: Connection, client_id: int, user_id: int, key_id: int, address: str) -> Viewer | None:
    user = connection.execute(_USER, {"user_id": user_id, "key_id": key_id}).one_or_none()
    if user is None:
        return None
    granted = connection.scalars(_GRANTED, {"user_id": user_id})
    policies = connection.scalars(_POLICIES, {"user_id": user_id})
    return Viewer(
        client_id=client_id,
        user_id=user_id,
        username=user.username,
        username_folded=user.username_folded,
        person_id=user.person_id,
        rights=rights_of(frozenset(granted)),
        policies=tuple(msgspec.convert(conditions, AccessPolicy) for conditions in policies),
        ip_address=address,
    )
