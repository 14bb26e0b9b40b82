"""Holds people, users and all else that is no recording against the log, and against the states it keeps."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, select

from earwitness.archive.database.in_list import among
from earwitness.archive.ledger.checking.differences import Checked, Difference, Thing
from earwitness.archive.ledger.checking.histories import History, differing_parts, histories_of, ids_in_log
from earwitness.archive.ledger.entity_states import ENTITY_ROWS, part_of, read_states
from earwitness.archive.ledger.tree.commitments import part_digest
from earwitness.archive.schema.ledger import entity_states
from earwitness.archive.schema.people import LOG_BEGINS, counters


def check_entities(connection: Connection, entity_name: str, first: int, most: int) -> Checked:
    """Check those of a kind from the id `first` on: what the tables have, and what the log has."""
    key, state = ENTITY_ROWS[entity_name].table.c[ENTITY_ROWS[entity_name].key], entity_states.c
    stored = connection.scalars(select(key).where(key >= first).order_by(key).limit(most)).all()
    of_kind = (state.entity_name == entity_name) & (state.entity_id >= first)
    kept_ids = select(state.entity_id).where(of_kind).order_by(state.entity_id).limit(most)
    known = {*stored, *connection.scalars(kept_ids), *ids_in_log(connection, entity_name, first, most)}
    ids = sorted(known)[:most]
    now = read_states(connection, entity_name, ids)
    these = (state.entity_name == entity_name) & among(state.entity_id, ids)
    kept = {row.entity_id: row for row in connection.execute(select(entity_states).where(these))}
    salts = {id_: row.salt for id_, row in kept.items()}
    histories = histories_of(connection, [Thing(entity_name, one) for one in ids], salts)
    is_beginning = connection.scalar(_BEGINS) is not None
    found: list[Difference] = []
    for one in ids:
        if kept.get(one) is not None or histories[one].by or not is_beginning:
            found += _of_one(histories[one], kept.get(one), now.get(one))
    return Checked(len(ids), found, ids[-1] + 1 if len(known) >= most else None)


_BEGINS = select(counters.c.value).where(counters.c.name == LOG_BEGINS)


def _of_one(history: History, kept: Any, now: dict[str, Any] | None) -> Iterator[Difference]:
    part = part_of(history.thing.entity_name)
    if not history.by:
        yield Difference(history.thing, part, "It is there, and the log does not have it.")
        return
    yield from history.differences
    if kept is None:
        yield Difference(
            history.thing, "state", "The state that the last action left is missing.", history.last
        )
        return
    logged = history.digests.get(part)
    left = None if kept.value is None else part_digest(kept.salt, part, kept.value)
    if (left, kept.digest) != (logged, logged):
        difference = "The state that the last action left is not stored as it was."
        yield Difference(history.thing, "state", difference, history.last)
    if left == logged and kept.value is not None and now is not None:
        yield from _fields(history, kept.value, now)
    else:
        yield from differing_parts(history, kept.salt, {} if now is None else {part: now})


def _fields(history: History, left: dict[str, Any], now: dict[str, Any]) -> Iterator[Difference]:
    """The fields that differ from the state that the last action left, which is as the log has it."""
    for name in sorted(left.keys() | now.keys()):
        if left.get(name) != now.get(name):
            yield Difference(history.thing, name, "It was changed without any action.", history.last)
