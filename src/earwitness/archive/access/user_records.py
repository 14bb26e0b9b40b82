"""Users as the API shows them, in every list."""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import Connection, select

from earwitness.archive.database.in_list import among
from earwitness.archive.schema.people import access_policies, user_policies, user_roles_and_rights, users
from earwitness.kernel.clock import format_ms
from earwitness.kernel.wire import MomentText, Wire


class User(Wire):
    """Who signs in. `rolesAndRights` are shown as assigned, `policies` by their names."""

    id: int
    full_name: str
    username: str
    email: str | None
    external_id: str | None
    person_id: int | None
    client_id: int
    is_active: bool
    is_locked: bool
    sso: bool
    last_login_time: MomentText | None
    roles_and_rights: list[str]
    policies: list[str]
    audio_playback: str


def user_records(connection: Connection, client_id: int, user_ids: Sequence[int]) -> list[User]:
    """The users of these ids, in the order of the ids. Unknown ids are left out."""
    if not user_ids:
        return []
    rows = connection.execute(select(users).where(among(users.c.id, user_ids)))
    found = {row.id: row for row in rows}
    granted = _granted(connection, user_ids)
    policies = _policies(connection, user_ids)
    return [
        User(
            id=row.id,
            full_name=row.full_name,
            username=row.username,
            email=row.email,
            external_id=row.external_id,
            person_id=row.person_id,
            client_id=client_id,
            is_active=row.is_active,
            is_locked=row.is_locked,
            sso=row.sso,
            last_login_time=None if row.last_login_at is None else format_ms(row.last_login_at),
            roles_and_rights=granted[row.id],
            policies=policies[row.id],
            audio_playback=row.audio_playback,
        )
        for row in (found[one] for one in user_ids if one in found)
    ]


def _granted(connection: Connection, user_ids: Sequence[int]) -> dict[int, list[str]]:
    columns = user_roles_and_rights.c
    rows = connection.execute(
        select(columns.user_id, columns.name)
        .where(among(columns.user_id, user_ids))
        .order_by(columns.user_id, columns.ordinal)
    )
    granted: dict[int, list[str]] = defaultdict(list)
    for row in rows:
        granted[row.user_id].append(row.name)
    return granted


def _policies(connection: Connection, user_ids: Sequence[int]) -> dict[int, list[str]]:
    limited = user_policies.c
    rows = connection.execute(
        select(limited.user_id, access_policies.c.name)
        .join(access_policies, access_policies.c.id == limited.access_policy_id)
        .where(among(limited.user_id, user_ids))
        .order_by(limited.user_id, access_policies.c.id)
    )
    policies: dict[int, list[str]] = defaultdict(list)
    for row in rows:
        policies[row.user_id].append(row.name)
    return policies
