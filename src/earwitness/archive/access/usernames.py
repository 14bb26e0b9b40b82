"""Which spellings of a user name mean the same user, at sign-in and in what a source sends.

Two names are the same if `folded_identifier` makes them equal. Older versions compared names less strictly,
so an archive may have users whose names look alike. Each of them is found by its own spelling, case ignored,
and no further one can be added. `users.username_folded` and `recording_endpoints.user_folded` hold the same
keys: a user takes part in the recordings that have its key. See
`docs/decisions/0024-user-names-that-look-alike.md`.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import ColumnElement, Connection, Text, bindparam, or_, select

from earwitness.archive.database.in_list import among, as_list
from earwitness.archive.schema.people import users
from earwitness.archive.spelling.identifiers import folded_identifier
from earwitness.kernel.wire import LONGEST_WORD

# A zero-width space: folding removes it, so no folded name contains it.
_AS_SPELLED = "\u200b"


def folded(username: str) -> str:
    """The key of a name that looks like no other user's. A character may fold to many, so it is cut."""
    return folded_identifier(username)[:LONGEST_WORD]


def exact_key(username: str) -> str:
    """The key of a user whose name only looks like another's."""
    spelling = hashlib.sha256(username.casefold().encode()).hexdigest()
    return f"{folded(username)}{_AS_SPELLED}{spelling}"


def keys_of(connection: Connection, usernames: Iterable[str]) -> dict[str, str]:
    """The key of each of these names, even if there is no such user."""
    exact = {name: exact_key(name) for name in usernames}
    known = set(connection.scalars(_KNOWN, {"keys": as_list(list(exact.values()))})) if exact else set()
    return {name: key if key in known else folded(name) for name, key in exact.items()}


_KNOWN = select(users.c.username_folded).where(among(users.c.username_folded, bindparam("keys", type_=Text)))


def key_of(connection: Connection, username: str) -> str:
    """The key of one name. At most one user has it."""
    return keys_of(connection, [username])[username]


def looks_like(username: str) -> ColumnElement[bool]:
    """The condition on `users` that the name is the same, or looks the same."""
    key = users.c.username_folded
    return or_(key == folded(username), key.startswith(folded(username) + _AS_SPELLED, autoescape=True))


def look_alikes(connection: Connection) -> list[list[tuple[int, str]]]:
    """Groups of users whose names look alike; each user as its id and name."""
    columns = users.c.id, users.c.username, users.c.username_folded
    spelled = users.c.username_folded.contains(_AS_SPELLED, autoescape=True)
    groups: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for user_id, username, key in connection.execute(select(*columns).where(spelled).order_by(users.c.id)):
        groups[key.partition(_AS_SPELLED)[0]].append((user_id, username))
    return [group for group in groups.values() if len(group) > 1]
