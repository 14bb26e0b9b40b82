"""Finds out who sends a request. The bearer token names the user; the rights are read on each request."""

from typing import Any

import msgspec
from litestar import Request
from sqlalchemy import Connection, Text, bindparam, exists, or_, select

from earwitness.archive.access.viewer import PolicyConditions, Viewer
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
from earwitness.http.client_address import address_of
from earwitness.http.connections.body import know_sender
from earwitness.http.installation import Installation
from earwitness.http.tokens import unauthenticated
from earwitness.kernel.errors import NotFound
from earwitness.kernel.rights import rights_of


def authenticate(installation: Installation, request: Request[Any, Any, Any]) -> tuple[Archive, Viewer]:
    """Read the bearer token, and find its user. Raises Unauthenticated: `token-expired` if it expired."""
    return recognise(installation, request, claims_of(installation, request))


def claims_of(installation: Installation, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """The claims of the bearer token: the `client`, the user (`sub`), the `key`. Raises Unauthenticated."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise unauthenticated("Expected a bearer token, as POST /authWithApiKey answers.")
    claims = installation.tokens.read("bearer", token.strip())
    know_sender(request)
    return claims


def recognise(
    installation: Installation, request: Request[Any, Any, Any], claims: dict[str, Any]
) -> tuple[Archive, Viewer]:
    """Find the archive and the user that are named by claims we signed. Raises Unauthenticated."""
    archive = archive_of(installation, claims)
    know_sender(request)
    with archive.read(once=True) as connection:
        return archive, viewer_of(connection, installation, request, claims)


def archive_of(installation: Installation, claims: dict[str, Any]) -> Archive:
    """Open the archive that is named by claims we signed. Raises Unauthenticated."""
    try:
        return installation.accounts.open(int(claims["client"]))
    except NotFound:
        raise unauthenticated("The token is not valid.") from None


_FAMILY = bindparam("family", type_=Text)

# Built once, since every request runs it. It gives a row for each grant of the user with each policy.
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
    """Look up the user that is named by claims we signed, and its rights. Raises Unauthenticated."""
    user_id = int(claims["sub"])
    # The claims of a media URL name no family, since it is good for minutes only.
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
        policies=tuple(msgspec.convert(conditions, PolicyConditions) for conditions in policies.values()),
        ip_address=address_of(request, installation.settings.trusted_proxies),
    )
