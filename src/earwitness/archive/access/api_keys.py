"""Listing and revoking API keys. A revoked key, and every token made with it, stops working at once."""

from sqlalchemy import Connection, select, update

from earwitness.archive.schema.people import api_keys, users
from earwitness.kernel.clock import format_ms, now_ms
from earwitness.kernel.errors import NotFound
from earwitness.kernel.wire import MomentText, Wire


class ApiKey(Wire):
    """An active API key; the key itself was shown only when it was created."""

    id: int
    user_id: int
    username: str
    created_at: MomentText


def keys_in_force(connection: Connection) -> list[ApiKey]:
    """All keys that are not revoked, by id."""
    rows = connection.execute(
        select(api_keys.c.id, api_keys.c.user_id, users.c.username, api_keys.c.created_at)
        .join(users, users.c.id == api_keys.c.user_id)
        .where(api_keys.c.revoked_at.is_(None))
        .order_by(api_keys.c.id)
    )
    return [
        ApiKey(id=row.id, user_id=row.user_id, username=row.username, created_at=format_ms(row.created_at))
        for row in rows
    ]


def revoke_key(connection: Connection, key_id: int) -> str:
    """Revoke a key. Returns the name of its user. Raises NotFound for a key that is not in force."""
    revoked = connection.execute(
        update(api_keys)
        .where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
        .values(revoked_at=now_ms())
        .returning(api_keys.c.user_id)
    ).one_or_none()
    if revoked is None:
        raise NotFound(f"There is no API key {key_id} in force.")
    return str(connection.scalar(select(users.c.username).where(users.c.id == revoked.user_id)))


def revoke_keys_of(connection: Connection, user_id: int) -> list[int]:
    """Revoke every key of a user. Returns their ids."""
    revoked = connection.scalars(
        update(api_keys)
        .where(api_keys.c.user_id == user_id, api_keys.c.revoked_at.is_(None))
        .values(revoked_at=now_ms())
        .returning(api_keys.c.id)
    )
    return sorted(revoked)
