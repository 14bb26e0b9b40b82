"""Writes the folded texts of people, endpoints and users, from their rows in this transaction.

Whoever adds one, or changes what it is found by, calls this in the same transaction. A text that stays the
same is not written. An endpoint is found by its owner's name, and a person by the endpoints that it owns, so
a change of either changes both.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Insert, Table, Text, bindparam, or_, select

from earwitness.archive.database.in_list import among, as_list
from earwitness.archive.schema.dialects import insert_into
from earwitness.archive.schema.folded import (
    FOLDED,
    SEARCHED,
    TRIGRAMS_ARRAYS,
)
from earwitness.archive.schema.people import endpoints, people, users
from earwitness.archive.substrings.folded import endpoint_texts, person_texts, user_texts
from earwitness.archive.substrings.trigrams import hashed

Texts = Mapping[str, Any]


def fold_people(connection: Connection, person_ids: Collection[int]) -> None:
    """Fold people anew."""
    _fold(connection, "people", person_ids)


def fold_endpoints(connection: Connection, endpoint_ids: Collection[int]) -> None:
    """Fold endpoints anew."""
    _fold(connection, "endpoints", endpoint_ids)


def fold_users(connection: Connection, user_ids: Collection[int]) -> None:
    """Fold users anew."""
    _fold(connection, "users", user_ids)


FOLD: Mapping[str, Callable[[Connection, Collection[int]], None]] = {
    "people": fold_people,
    "endpoints": fold_endpoints,
    "users": fold_users,
}


def texts_of(connection: Connection, kind: str, ids: Sequence[int]) -> list[Texts]:
    """The texts that rows of a kind should have now."""
    return list(_READ[kind](connection, ids))


def _fold(connection: Connection, kind: str, ids: Collection[int]) -> None:
    if ids:
        _write(connection, kind, _READ[kind](connection, sorted(set(ids))))


def _people(connection: Connection, person_ids: Sequence[int]) -> Iterable[Texts]:
    these = {"ids": as_list(person_ids)}
    addresses: dict[int, list[str]] = defaultdict(list)
    numbers: dict[int, list[str]] = defaultdict(list)
    for owner, type_, endpoint, normalised in connection.execute(_OWNED, these).all():
        addresses[owner].append(endpoint)
        if type_ == "phone":
            numbers[owner].append(normalised)
    for row in connection.execute(_PEOPLE, these).all():
        yield person_texts(row, addresses[row.id], numbers[row.id])


def _endpoints(connection: Connection, endpoint_ids: Sequence[int]) -> Iterable[Texts]:
    for row in connection.execute(_ENDPOINTS, {"ids": as_list(endpoint_ids)}).all():
        yield endpoint_texts(row, row.owner)


def _users(connection: Connection, user_ids: Sequence[int]) -> Iterable[Texts]:
    return map(user_texts, connection.execute(_USERS, {"ids": as_list(user_ids)}).all())


_READ = {"people": _people, "endpoints": _endpoints, "users": _users}

_IDS = bindparam("ids", type_=Text)
_OWNED = (
    select(endpoints.c.owned_by_person_id, endpoints.c.type, endpoints.c.endpoint, endpoints.c.normalised)
    .where(among(endpoints.c.owned_by_person_id, _IDS))
    .order_by(endpoints.c.id)
)
_PEOPLE = (
    select(
        people.c.id,
        people.c.full_name,
        people.c.full_name_folded,
        people.c.email,
        people.c.third_party_id,
        people.c.metadata,
    )
    .where(among(people.c.id, _IDS))
    .order_by(people.c.id)
)
_ENDPOINTS = (
    select(
        endpoints.c.id,
        endpoints.c.type,
        endpoints.c.endpoint,
        endpoints.c.normalised,
        endpoints.c.metadata,
        people.c.full_name.label("owner"),
    )
    .outerjoin_from(endpoints, people, people.c.id == endpoints.c.owned_by_person_id)
    .where(among(endpoints.c.id, _IDS))
    .order_by(endpoints.c.id)
)
_USERS = select(users).where(among(users.c.id, _IDS)).order_by(users.c.id)


def _write(connection: Connection, kind: str, rows: Iterable[Texts]) -> None:
    texts = list(rows)
    if not texts:
        return
    dialect = connection.dialect.name
    connection.execute(_put(dialect, FOLDED[kind]), texts)
    if dialect == "postgresql":  # on SQLite, triggers write them
        trigrams = [
            {"id": row["id"], "trigrams": hashed(row[name] for name in SEARCHED[kind])} for row in texts
        ]
        connection.execute(_put(dialect, TRIGRAMS_ARRAYS[kind]), trigrams)


@cache  # to build a statement takes longer than to run it
def _put(dialect: str, table: Table) -> Insert:
    """Insert rows, or replace those that are there and differ."""
    added = insert_into(table, dialect)
    columns = [column.name for column in table.columns if column.name != "id"]
    return added.on_conflict_do_update(
        index_elements=["id"],
        set_={name: added.excluded[name] for name in columns},
        where=or_(*(table.c[name].is_distinct_from(added.excluded[name]) for name in columns)),
    )
