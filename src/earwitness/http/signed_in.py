"""From a request to its viewer: the bearer token is read, the rights are looked up anew each time."""

import ipaddress
import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import msgspec
from litestar import Request
from sqlalchemy import Connection, Text, bindparam, exists, or_, select

from earwitness.archive.access.viewer import AccessPolicy, Viewer
from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.database.engines import KEEPS_ITS_PLAN
from earwitness.archive.schema.people import (
    access_policies,
    api_keys,
    refresh_tokens,
    user_policies,
    user_roles_and_rights,
    users,
)
from earwitness.http.connections.body import know_sender
from earwitness.http.installation import Installation
from earwitness.http.tokens import unauthenticated
from earwitness.kernel.errors import NotFound
from earwitness.kernel.rights import rights_of
from earwitness.kernel.setting_readers import Network

Address = IPv4Address | IPv6Address

_WITH_PORT = re.compile(r"\[(.+)\](?::\d+)?|([^:]+):\d+")


def authenticate(installation: Installation, request: Request[Any, Any, Any]) -> tuple[Archive, Viewer]:
    """Read who asks. Raises Unauthenticated (401; an expired token with the code `token-expired`)."""
    return recognise(installation, request, claims_of(installation, request))


def claims_of(installation: Installation, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """What the bearer token says: the `client`, the user (`sub`) and the `key`. Raises Unauthenticated."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise unauthenticated("Expected a bearer token, as POST /authWithApiKey answers.")
    claims = installation.tokens.read("bearer", token.strip())
    know_sender(request)
    return claims


def recognise(
    installation: Installation, request: Request[Any, Any, Any], claims: dict[str, Any]
) -> tuple[Archive, Viewer]:
    """Look up who it is that something we signed speaks of. Raises Unauthenticated."""
    archive = archive_of(installation, claims)
    know_sender(request)
    with archive.read() as connection:
        return archive, viewer_of(connection, installation, request, claims)


def archive_of(installation: Installation, claims: dict[str, Any]) -> Archive:
    """The archive that something we signed speaks of. Raises Unauthenticated."""
    try:
        return installation.accounts.open(int(claims["client"]))
    except NotFound:
        raise unauthenticated("The token is not valid.") from None


def address_of(request: Request[Any, Any, Any], trusted: Sequence[Network]) -> str:
    """The caller's address: the peer's, or what trusted proxies say of whom they speak for.

    `X-Forwarded-For` is read from its end, as far as the addresses are those of trusted proxies.
    """
    peer = peer_of(request)
    if peer is None:
        return request.client.host if request.client else ""
    forwarded = ",".join(request.headers.getall("x-forwarded-for", [])).split(",")
    for written in [*forwarded, str(peer)][::-1]:
        address = _read(written.strip() or str(peer))
        if address is None:
            break
        if not _is_among(address, trusted):
            return str(address)
    return str(peer)


def comes_through(request: Request[Any, Any, Any], trusted: Sequence[Network]) -> bool:
    """Whether the peer is a trusted proxy, whose word on the caller is believed."""
    peer = peer_of(request)
    return peer is not None and _is_among(peer, trusted)


def peer_of(request: Request[Any, Any, Any]) -> Address | None:
    """The address at the other end of the connection, IPv4 as such on sockets of both kinds; None without."""
    return _read(request.client.host) if request.client else None


def _read(written: str) -> Address | None:
    """An address as it is written, with a port that some gateways add; None for anything else."""
    with_port = _WITH_PORT.fullmatch(written)
    bare = with_port[1] or with_port[2] if with_port else written
    try:
        address = ipaddress.ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_among(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


_FAMILY = bindparam("family", type_=Text)

# Every request asks this, so it is built once. A row for each of the user's grants with each policy.
_USER = (
    select(
        users.c.username,
        users.c.username_folded,
        users.c.person_id,
        user_roles_and_rights.c.name,
        access_policies.c.id,
        access_policies.c.conditions,
    )
    .join(api_keys, api_keys.c.user_id == users.c.id)
    .outerjoin(user_roles_and_rights, user_roles_and_rights.c.user_id == users.c.id)
    .outerjoin(user_policies, user_policies.c.user_id == users.c.id)
    .outerjoin(access_policies, access_policies.c.id == user_policies.c.access_policy_id)
    .where(users.c.id == bindparam("user_id"), users.c.is_active, ~users.c.is_locked)
    .where(api_keys.c.id == bindparam("key_id"), api_keys.c.revoked_at.is_(None))
    .where(or_(_FAMILY.is_(None), exists(select(1).where(refresh_tokens.c.family == _FAMILY))))
    .execution_options(**KEEPS_ITS_PLAN)
)


def viewer_of(
    connection: Connection,
    installation: Installation,
    request: Request[Any, Any, Any],
    claims: dict[str, Any],
) -> Viewer:
    """Look up in its archive who it is that something we signed speaks of. Raises Unauthenticated."""
    user_id = int(claims["sub"])
    # The URL of a recording says no family: it is good for minutes.
    asked = {"user_id": user_id, "key_id": int(claims["key"]), "family": claims.get("family")}
    rows = connection.execute(_USER, asked).all()
    if not rows:
        raise unauthenticated("The user, its API key or this sign-in is no longer active.")
    granted = {name for _, _, _, name, _, _ in rows if name is not None}
    policies = {policy_id: conditions for *_, policy_id, conditions in rows if policy_id is not None}
    username, username_folded, person_id, *_ = rows[0]
    return Viewer(
        client_id=int(claims["client"]),
        user_id=user_id,
        username=username,
        username_folded=username_folded,
        person_id=person_id,
        rights=rights_of(frozenset(granted)),
        policies=tuple(msgspec.convert(conditions, AccessPolicy) for conditions in policies.values()),
        ip_address=address_of(request, installation.settings.trusted_proxies),
    )
