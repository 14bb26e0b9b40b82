"""What is done to many recordings at once: they are put into a hold or playlist, taken out, or tagged."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, func, select

from earwitness.archive.database.in_list import among
from earwitness.archive.jobs import queue
from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.ledger import Entry
from earwitness.archive.recordings.collections import LEGAL_HOLDS, PLAYLISTS, Kind, collection_row, recorded
from earwitness.archive.recordings.mass_members import Under, put_all_in, take_all_out
from earwitness.archive.recordings.tags import change_tags, tags_of, those_gone
from earwitness.archive.schema.recordings import recordings

CollectionName = Literal["legalHold", "playlist"]
"""A kind of collection, as the ledger names it."""

_KINDS: Mapping[CollectionName, Kind] = {"legalHold": LEGAL_HOLDS, "playlist": PLAYLISTS}


class Changes(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The changes, by ids: collections by their kind, and tags. A job stores them."""

    put_in: dict[CollectionName, int] = {}
    take_out: dict[CollectionName, int] = {}
    add_tags: list[int] = []
    remove_tags: list[int] = []
    response_code: int = 200
    """The status of the call that ordered them, for the ledger."""

    @classmethod
    def of(cls, what: Mapping[str, Any]) -> "Changes":
        """Those that a job has stored, by `stored`."""
        return msgspec.convert(what["changes"], cls)

    def opposes(self, other: "Changes") -> bool:
        """Whether the order counts in which these and the others are made."""
        return _meet(self, other) or _meet(other, self)

    @property
    def of_one(self) -> int:
        """How many rows it takes to change one recording, at most."""
        return len(self.put_in) + len(self.take_out) + len(self.add_tags) + len(self.remove_tags)

    @property
    def stored(self) -> dict[str, Any]:
        return {"changes": msgspec.to_builtins(self)}


def _meet(added: Changes, removed: Changes) -> bool:
    """Whether one puts in or adds what the other takes out or removes."""
    collections = added.put_in.items() & removed.take_out.items()
    return bool(collections) or not set(added.add_tags).isdisjoint(removed.remove_tags)


class Made(msgspec.Struct, frozen=True):
    """What could not be done: how many recordings were not there any more, and what had ended."""

    missing: int
    left_out: list[str]
    """In sentences, what recordings did not get because it is not there any more."""


def make_changes(connection: Connection, changes: Changes, positions: Sequence[int], header: int) -> Made:
    """Change the recordings at these positions, and write their rows in the ledger, under this header.

    What is so already is left out, also of the ledger.
    """
    if not positions:
        return Made(0, [])
    under = Under(header, changes.response_code)
    left_out: list[str] = []
    for name, collection_id in changes.put_in.items():
        kind = _KINDS[name]
        if collection_row(connection, kind, collection_id, ended=True).ended_at is None:
            put_all_in(connection, kind, collection_id, positions, under)
        else:
            left_out.append(f"The {kind.title} {collection_id} ended before all were in it.")
    for name, collection_id in changes.take_out.items():
        within = min(positions), max(positions)
        take_all_out(connection, _KINDS[name], collection_id, within, under, positions)
    gone = those_gone(connection, changes.add_tags)
    left_out += [f"The tag {one} was deleted before all had it." for one in gone]
    if changes.add_tags or changes.remove_tags:
        _change_tags(connection, changes, positions, under)
    there = select(func.count()).select_from(recordings).where(among(recordings.c.position, positions))
    return Made(len(positions) - (connection.scalar(there) or 0), left_out)


def _change_tags(connection: Connection, changes: Changes, positions: Sequence[int], under: Under) -> None:
    """Change tags, and have the words of the recordings indexed anew by a job for each."""
    positions_by_id = recorded(connection, among(recordings.c.position, positions))
    here = list(positions_by_id.values())
    changed = change_tags(connection, here, changes.add_tags, changes.remove_tags)
    if not changed:
        return
    these = among(recordings.c.position, sorted(changed))
    queue.add_for_all(connection, "index", [these], within=(min(changed), max(changed)))
    tags = tags_of(connection, sorted(changed))
    ids = {position: interaction_id for interaction_id, position in positions_by_id.items()}
    entries = [
        Entry(ids[one], metadata={"tags": tags.get(one, [])}, response_code=under.response_code)
        for one in sorted(changed)
    ]
    ledger.append_under(connection, under.header, entries)
