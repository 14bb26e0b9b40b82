"""Folds the texts of people, endpoints and users after an upgrade, a batch at a time.

What is added or changed meanwhile is folded by who does it. A batch and how far it has come are one
transaction, so after a crash it goes on from there, and two workers take turns.
"""

from typing import Any

from sqlalchemy import Connection, Table, Text, cast, delete, func, insert, literal, select

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.schema.folded import foldings
from earwitness.archive.schema.people import endpoints, people, users
from earwitness.archive.substrings.folded import VERSION
from earwitness.archive.substrings.progress import are_folded, state_of
from earwitness.archive.substrings.writing import FOLD
from earwitness.kernel.clock import format_ms, now_ms

AT_ONCE = 200
"""Rows in a batch: they take about 20 ms, for which others have to wait."""

_CHARACTERS_AT_ONCE = 200_000
"""Of metadata, which may be long. A longer one is a batch by itself."""

_TABLES: dict[str, Table] = {"people": people, "endpoints": endpoints, "users": users}


def is_left(connection: Connection) -> bool:
    """Whether there is something to fold."""
    return bool(_left(connection))


def go_on(archive: Archive, at_once: int = AT_ONCE) -> bool:
    """Fold one batch of what is left. Returns False if nothing was left."""
    with archive.read() as connection:
        if not _left(connection):
            return False
    with archive.write() as connection:
        for kind in _left(connection)[:1]:
            first = _next_id(state_of(connection, kind))
            ids, is_last = _next_ids(connection, kind, first, at_once)
            FOLD[kind](connection, ids)
            _note(connection, kind, None if is_last else ids[-1] + 1)
    return True


def listed(connection: Connection) -> list[dict[str, object]]:
    """The same as `queue.list_jobs` tells of jobs. It has no id: there is nothing to retry or drop."""
    if not (left := _left(connection)):
        return []
    at = format_ms(now_ms())
    note = f"Names are being folded for searches: {' and '.join(left)} are left."
    return [
        {
            **dict.fromkeys(("id", "step", "interactionId", "thirdPartyId")),
            "kind": "rebuild",
            "state": "queued",
            "attempts": 0,
            "queuedAt": at,
            "runAt": at,
            "log": [{"at": at, "text": note}],
        }
    ]


def _left(connection: Connection) -> list[str]:
    return [kind for kind in _TABLES if not are_folded(connection, kind)]


def _next_id(state: Any) -> int:
    """Where to go on. What another version folded is folded anew from the start."""
    return int(state.next_id) if state is not None and state.version == VERSION else 0


def _next_ids(connection: Connection, kind: str, first: int, at_once: int) -> tuple[list[int], bool]:
    """The ids of the next batch, and whether none is left after it."""
    table = _TABLES[kind]
    size = func.length(cast(table.c.metadata, Text)) if "metadata" in table.c else literal(0)
    onward = select(table.c.id, size).where(table.c.id >= first).order_by(table.c.id).limit(at_once + 1)
    ids: list[int] = []
    characters = 0
    for id_, length in connection.execute(onward).all():
        characters += length
        if ids and (len(ids) == at_once or characters > _CHARACTERS_AT_ONCE):
            return ids, False
        ids.append(id_)
    return ids, True


def _note(connection: Connection, kind: str, next_id: int | None) -> None:
    connection.execute(delete(foldings).where(foldings.c.kind == kind))
    connection.execute(insert(foldings).values(kind=kind, version=VERSION, next_id=next_id))
