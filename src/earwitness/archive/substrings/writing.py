"""Writes the folded texts of people, endpoints and users, from their rows in this transaction.

Whoever adds one, or changes what it is found by, calls this in the same transaction. A text that stays the
same is not written. An endpoint is found by its owner's name, and a person by the endpoints that it owns, so
a change of either changes both.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from earwitness.archive.database.in_list import among
from earwitness.archive.schema.folded import (
    SEARCHED,
    TRIGRAMS_ARRAYS,
    folded_endpoints,
    folded_people,
    folded_users,
)
from earwitness.archive.schema.people import endpoints, people, users
from earwitness.archive.substrings.folded import endpoint_texts, person_texts, user_texts
from earwitness.archive.substrings.trigrams import hashed

Texts = Mapping[str, Any]


def fold_people(connection: Connection, person_ids: Collection[int]) -> None:
    """Fold people anew."""
    _write(connection, "people", folded_people, _people(connection, _in_order(person_ids)))


def fold_endpoints(connection: Connection, endpoint_ids: Collection[int]) -> None:
    """Fold endpoints anew."""
    _write(connection, "endpoints", folded_endpoints, _endpoints(connection, _in_order(endpoint_ids)))


def fold_users(connection: Connection, user_ids: Collection[int]) -> None:
    """Fold users anew."""
    _write(connection, "users", folded_users, _users(connection, _in_order(user_ids)))


FOLD: Mapping[str, Callable[[Connection, Collection[int]], None]] = {
    "people": fold_people,
    "endpoints": fold_endpoints,
    "users": fold_users,
}


def texts_of(connection: Connection, kind: str, ids: Sequence[int]) -> list[Texts]:
    """The texts that rows of a kind should have now."""
    return list(_READ[kind](connection, ids))


def _in_order(ids: Collection[int]) -> list[int]:
    return sorted(set(ids))


def _people(connection: Connection, person_ids: Sequence[int]) -> Iterable[Texts]:
    if not person_ids:
        return []
    column = endpoints.c
    owned = select(column.owned_by_person_id, column.type, column.endpoint, column.normalised)
    of_these = owned.where(among(column.owned_by_person_id, person_ids)).order_by(column.id)
    addresses: dict[int, list[str]] = defaultdict(list)
    numbers: dict[int, list[str]] = defaultdict(list)
    for owner, type_, endpoint, normalised in connection.execute(of_these):
        addresses[owner].append(endpoint)
        if type_ == "phone":
            numbers[owner].append(normalised)
    rows = connection.execute(select(people).where(among(people.c.id, person_ids)).order_by(people.c.id))
    return [person_texts(row, addresses[row.id], numbers[row.id], row.metadata) for row in rows]


def _endpoints(connection: Connection, endpoint_ids: Sequence[int]) -> Iterable[Texts]:
    if not endpoint_ids:
        return []
    owned = endpoints.outerjoin(people, people.c.id == endpoints.c.owned_by_person_id)
    named = select(endpoints, people.c.full_name.label("owner")).select_from(owned)
    rows = connection.execute(named.where(among(endpoints.c.id, endpoint_ids)).order_by(endpoints.c.id))
    return [endpoint_texts(row, row.owner) for row in rows]


def _users(connection: Connection, user_ids: Sequence[int]) -> Iterable[Texts]:
    rows = connection.execute(select(users).where(among(users.c.id, user_ids)).order_by(users.c.id))
    return map(user_texts, rows)


_READ = {"people": _people, "endpoints": _endpoints, "users": _users}


def _write(connection: Connection, kind: str, table: Table, rows: Iterable[Texts]) -> None:
    texts = list(rows)
    if not texts:
        return
    _put(connection, table, texts)
    if connection.dialect.name == "postgresql":  # on SQLite, triggers write them
        trigrams = [
            {"id": row["id"], "trigrams": hashed(row[name] for name in SEARCHED[kind])} for row in texts
        ]
        _put(connection, TRIGRAMS_ARRAYS[kind], trigrams)


def _put(connection: Connection, table: Table, rows: Sequence[Texts]) -> None:
    """Insert rows, or replace those that are there and differ."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    added = dialect.insert(table)
    columns = [column.name for column in table.columns if column.name != "id"]
    put = added.on_conflict_do_update(
        index_elements=["id"],
        set_={name: added.excluded[name] for name in columns},
        where=or_(*(table.c[name].is_distinct_from(added.excluded[name]) for name in columns)),
    )
    connection.execute(put, list(rows))
