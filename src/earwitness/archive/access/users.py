"""Adding users and API keys, for the API and the command line."""

import hashlib
import secrets
from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, delete, insert, select

from earwitness.archive.access.usernames import folded, key_of, looks_like
from earwitness.archive.schema.people import api_keys, user_roles_and_rights, users
from earwitness.archive.spelling.identifiers import folded_identifier
from earwitness.archive.substrings.writing import fold_users
from earwitness.kernel.clock import now_ms
from earwitness.kernel.errors import BadRequest, Conflict, Fault, NotFound
from earwitness.kernel.faults import nearest
from earwitness.kernel.rights import Right, Role
from earwitness.kernel.wire import LONGEST_WORD


def add_user(
    connection: Connection,
    username: str,
    roles_and_rights: Sequence[str],
    *,
    full_name: str | None = None,
    email: str | None = None,
    external_id: str | None = None,
    person_id: int | None = None,
    sso: bool = False,
    audio_playback: str = "streaming",
) -> int:
    """Add a user. Returns its id. Its full name is its user name until one is set.

    Raises Conflict if the user name is taken; BadRequest for one that is blank or too long, or an unknown
    role or right.
    """
    check_username(username)
    check_roles_and_rights(roles_and_rights)
    check_is_new(connection, username)
    user_id: int = connection.execute(
        insert(users)
        .values(
            username=username,
            username_folded=folded(username),
            full_name=full_name or username,
            email=email,
            external_id=external_id,
            person_id=person_id,
            sso=sso,
            audio_playback=audio_playback,
            created_at=now_ms(),
        )
        .returning(users.c.id)
    ).scalar_one()
    set_roles_and_rights(connection, user_id, roles_and_rights)
    fold_users(connection, [user_id])
    return user_id


def set_roles_and_rights(connection: Connection, user_id: int, roles_and_rights: Sequence[str]) -> None:
    """Give a user these roles and rights, in this order, and no others."""
    connection.execute(delete(user_roles_and_rights).where(user_roles_and_rights.c.user_id == user_id))
    if roles_and_rights:
        connection.execute(
            insert(user_roles_and_rights),
            [
                {"user_id": user_id, "ordinal": ordinal, "name": name}
                for ordinal, name in enumerate(dict.fromkeys(roles_and_rights))
            ],
        )


def check_is_new(connection: Connection, username: str, *but: ColumnElement[bool]) -> None:
    """Raise Conflict if another user has this name, or one that looks the same."""
    taken = connection.scalar(select(users.c.username).where(looks_like(username), *but).order_by(users.c.id))
    if taken is not None:
        likeness = "" if taken == username else f", which is the same name as {username}"
        raise Conflict(f"There is already a user {taken}{likeness}.")


def check_username(username: str) -> None:
    """Raise BadRequest for a name that is too long, blank, or of invisible characters alone."""
    key = folded_identifier(username)
    if not key:
        raise BadRequest.of(Fault("username", "expected a name"))
    if max(len(username), len(key)) > LONGEST_WORD:
        raise BadRequest.of(Fault("username", f"expected str of length <= {LONGEST_WORD}"))


def check_roles_and_rights(names: Sequence[str]) -> None:
    """Raise BadRequest for each name that is neither a role nor a right."""
    known = [*map(str, Role), *map(str, Right)]
    faults = [
        Fault(f"rolesAndRights[{index}]", f"there is no role or right {name}{nearest(name, known)}")
        for index, name in enumerate(names)
        if name not in known
    ]
    if faults:
        raise BadRequest.of(*faults)


def user_id_of(connection: Connection, username: str) -> int:
    """Find a user by name. Raises NotFound."""
    found: int | None = connection.scalar(
        select(users.c.id).where(users.c.username_folded == key_of(connection, username))
    )
    if found is None:
        raise NotFound(f"There is no user {username}.")
    return found


def add_api_key(connection: Connection, user_id: int) -> tuple[int, str]:
    """Make a key for a user. Returns its id, and the key itself, which is never shown again."""
    api_key = secrets.token_urlsafe(32)
    key_id: int = connection.execute(
        insert(api_keys)
        .values(user_id=user_id, key_hash=hash_of(api_key), created_at=now_ms())
        .returning(api_keys.c.id)
    ).scalar_one()
    return key_id, api_key


def hash_of(secret: str) -> bytes:
    """The hash that is stored of a secret that we made. 256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode()).digest()
