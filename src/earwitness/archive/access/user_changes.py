"""Changing users and making them inactive. At least one active Admin always remains."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select, true, update

from earwitness.archive.access.api_keys import revoke_keys_of
from earwitness.archive.access.usernames import exact_key, folded
from earwitness.archive.access.users import (
    check_is_new,
    check_roles_and_rights,
    check_username,
    set_roles_and_rights,
)
from earwitness.archive.schema.people import user_policies, user_roles_and_rights, users
from earwitness.archive.substrings.writing import fold_users
from earwitness.kernel.errors import Conflict, NotFound
from earwitness.kernel.rights import Role


def change_user(
    connection: Connection,
    user_id: int,
    *,
    roles_and_rights: Sequence[str] | None = None,
    policy_ids: Sequence[int] | None = None,
    **columns: Any,
) -> None:
    """Change what is given; `columns` are columns of the table. What is not given stays.

    Raises NotFound; BadRequest for a blank name, or an unknown role or right; Conflict if the user name is
    taken, or if no active Admin would remain.
    """
    had_admin = _has_admin(connection)
    if "username" in columns:
        check_username(columns["username"])
        columns["username_folded"] = key_after(connection, user_id, columns["username"])
    this = users.c.id == user_id
    if connection.execute(update(users).where(this).values({"id": user_id, **columns})).rowcount == 0:
        raise NotFound(f"There is no user {user_id}.")
    fold_users(connection, [user_id])
    if roles_and_rights is not None:
        check_roles_and_rights(roles_and_rights)
        set_roles_and_rights(connection, user_id, roles_and_rights)
    if policy_ids is not None:
        set_policies(connection, user_id, policy_ids)
    if had_admin and not _has_admin(connection):
        raise Conflict("This is the last active Admin; add another one first.", code="last-admin")


def end_user(connection: Connection, user_id: int) -> list[int]:
    """Make a user inactive and revoke its keys. Returns their ids. Raises as `change_user` does."""
    change_user(connection, user_id, is_active=False)
    return revoke_keys_of(connection, user_id)


def set_policies(connection: Connection, user_id: int, policy_ids: Sequence[int]) -> None:
    """Give a user exactly these access policies. Without any, the user sees the whole account."""
    connection.execute(delete(user_policies).where(user_policies.c.user_id == user_id))
    if policy_ids:
        rows = [{"user_id": user_id, "access_policy_id": one} for one in dict.fromkeys(policy_ids)]
        connection.execute(insert(user_policies), rows)


def key_after(connection: Connection, user_id: int, username: str) -> str:
    """The key of a user after it is renamed to this name.

    A user whose name looks like another user's may change its case. Raises Conflict if another user has the
    name, or one that looks the same.
    """
    before = connection.scalar(select(users.c.username_folded).where(users.c.id == user_id))
    if before == exact_key(username):
        return exact_key(username)
    check_is_new(connection, username, users.c.id != user_id)
    return folded(username)


def _has_admin(connection: Connection) -> bool:
    admin = (
        select(users.c.id)
        .join(user_roles_and_rights, user_roles_and_rights.c.user_id == users.c.id)
        .where(user_roles_and_rights.c.name == Role.ADMIN, users.c.is_active == true(), ~users.c.is_locked)
    )
    return connection.scalar(admin.limit(1)) is not None
