"""Holds recordings against the log: each part, the digests that are kept, and what is only on one side."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, select

from earwitness.archive.access.usernames import exact_key, folded
from earwitness.archive.database.in_list import among
from earwitness.archive.database.timeline import TIE_BITS
from earwitness.archive.ledger.checking.differences import Checked, Difference, Thing
from earwitness.archive.ledger.checking.histories import History, differing_parts, histories_of, ids_in_log
from earwitness.archive.ledger.recording_digests import packed
from earwitness.archive.ledger.recording_parts import Values, read_parts
from earwitness.archive.schema.ledger import recording_digests
from earwitness.archive.schema.people import LOG_BEGINS, counters
from earwitness.archive.schema.recordings import recording_data_groups, recording_endpoints, recordings

RECORDING = "Recording"
_NOT_IN_LOG = "It is there, and the log does not have it."


def check_recordings(connection: Connection, first: int, most: int) -> Checked:
    """Check recordings from the position `first` on."""
    position = recordings.c.position
    rows = connection.execute(
        select(recordings).where(position >= first).order_by(position).limit(most)
    ).all()
    positions = [row.position for row in rows]
    values = read_parts(connection, positions)
    kept = {
        row.position: row
        for row in connection.execute(
            select(recording_digests).where(among(recording_digests.c.position, positions))
        )
    }
    things = [Thing(RECORDING, row.interaction_id, row.third_party_id) for row in rows]
    salts = {row.interaction_id: kept[row.position].salt for row in rows if row.position in kept}
    histories = histories_of(connection, things, salts)
    groups = _data_groups(connection, positions)
    subjects = _folded_users(connection, positions)
    begins = connection.scalar(_BEGINS)
    found: list[Difference] = []
    for row in rows:
        history = histories[row.interaction_id]
        is_to_come = begins is not None and row.position >= begins
        if row.position in kept or history.by or not is_to_come:
            found += _of_one(history, kept.get(row.position), values[row.position])
        found += _derived(history.thing, row, groups.get(row.position, {}), row.position in subjects)
        found += _marked(history.thing, row, values[row.position])
    return Checked(len(rows), found, positions[-1] + 1 if len(rows) == most else None)


def check_gone(connection: Connection, first: int, most: int) -> Checked:
    """Look for recordings that the log has, from the interactionId `first` on, and the tables have not.

    One that an action destroyed is none of these: the log says that no part of it is left.
    """
    ids = ids_in_log(connection, RECORDING, first, most)
    there = set(
        connection.scalars(select(recordings.c.interaction_id).where(among(recordings.c.interaction_id, ids)))
    )
    gone = [Thing(RECORDING, one) for one in ids if one not in there]
    found = [
        Difference(history.thing, "recording", "The log has it, and it is not there any more.", history.last)
        for history in histories_of(connection, gone, {}).values()
        if history.digests
    ]
    return Checked(len(ids), found, ids[-1] + 1 if len(ids) == most else None)


_BEGINS = select(counters.c.value).where(counters.c.name == LOG_BEGINS)


def _of_one(history: History, kept: Any, now: Values) -> Iterator[Difference]:
    if not history.by:
        yield Difference(history.thing, "recording", _NOT_IN_LOG)
        return
    yield from history.differences
    if kept is None:
        yield Difference(history.thing, "digests", "Its salt and its digests are missing.", history.last)
        return
    yield from differing_parts(history, kept.salt, now)
    if kept.digests != packed(history.by_part()):
        difference = "Its digests are not those that the log has."
        yield Difference(history.thing, "digests", difference, history.last)


def _derived(
    thing: Thing, row: Any, groups: dict[str, Any], is_folded_otherwise: bool
) -> Iterator[Difference]:
    """Columns that the log has no digest of, since they follow from those that it has."""
    if row.position >> TIE_BITS != row.started_at:
        yield Difference(thing, "position", "Its place on the timeline is not that of its start.")
    if groups != row.data_groups:
        yield Difference(thing, "dataGroups", "It is not found by the data groups that it has.")
    if is_folded_otherwise:
        yield Difference(thing, "participants", "It is not found by the users that took part.")


def _marked(thing: Thing, row: Any, now: Values) -> Iterator[Difference]:
    """Whether the mark by which media is found says what there is."""
    if row.has_media != ("media" in now):
        yield Difference(thing, "hasMedia", "It is marked with media and has none, or the other way round.")


def _data_groups(connection: Connection, positions: Sequence[int]) -> dict[int, dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    these = among(recording_data_groups.c.position, positions)
    for row in connection.execute(select(recording_data_groups).where(these)):
        found.setdefault(row.position, {})[row.name] = row.value
    return found


def _folded_users(connection: Connection, positions: Sequence[int]) -> set[int]:
    """The recordings with a user that is folded otherwise than its name."""
    part = recording_endpoints.c
    rows = connection.execute(
        select(part.position, part.user, part.user_folded).where(among(part.position, positions))
    )
    return {row.position for row in rows if row.user_folded not in _keys(row.user)}


def _keys(username: str) -> set[str]:
    """The keys that a user of this name can have."""
    return {folded(username), exact_key(username)} if username else {""}
