"""What is done to many recordings at once: they are put into a hold or playlist, taken out, or tagged."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection

from earwitness.archive.database.in_list import among
from earwitness.archive.jobs import queue
from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.ledger import Entry
from earwitness.archive.ledger.recording_digests import Watched
from earwitness.archive.recordings.collections import (
    LEGAL_HOLDS,
    PLAYLISTS,
    Kind,
    collection_row,
    put_in,
    recorded,
    take_out,
)
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
    these = recorded(connection, among(recordings.c.position, positions))
    entries: list[Entry] = []
    left_out: list[str] = []
    for name, collection_id in changes.put_in.items():
        kind = _KINDS[name]
        if collection_row(connection, kind, collection_id, ended=True).ended_at is None:
            entries += put_in(connection, kind, collection_id, these)
        else:
            left_out.append(f"The {kind.title} {collection_id} ended before all were in it.")
    for name, collection_id in changes.take_out.items():
        entries += take_out(connection, _KINDS[name], collection_id, these)
    gone = those_gone(connection, changes.add_tags)
    left_out += [f"The tag {one} was deleted before all had it." for one in gone]
    if changes.add_tags or changes.remove_tags:
        entries += _change_tags(connection, changes, these)
    code = changes.response_code
    ledger.append_under(connection, header, [replace(one, response_code=code) for one in entries])
    return Made(len(positions) - len(these), left_out)


def _change_tags(connection: Connection, changes: Changes, these: Mapping[int, int]) -> list[Entry]:
    """Change tags, and have the words of the recordings indexed anew by a job for each."""
    watched = Watched(connection, list(these.values()), "tags")
    retagged = change_tags(connection, list(these.values()), changes.add_tags, changes.remove_tags)
    if not retagged:
        return []
    which = among(recordings.c.position, sorted(retagged))
    queue.add_for_all(connection, "index", [which], within=(min(retagged), max(retagged)))
    tags = tags_of(connection, sorted(retagged))
    changed = watched.changed(connection)
    ids = {position: interaction_id for interaction_id, position in these.items()}
    return [
        Entry(ids[one], metadata={"tags": tags.get(one, [])}, changed=changed.get(one))
        for one in sorted(retagged)
    ]
