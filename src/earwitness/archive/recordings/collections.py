"""Legal holds and playlists: both are named lists of recordings, stored in the same way.

A recording that the viewer may not see is not shown or counted, and no change by the viewer removes it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from msgspec import Meta
from sqlalchemy import ColumnElement, Connection, Table, delete, func, insert, select, update

from earwitness.archive.access.viewer import Viewer
from earwitness.archive.access.visibility import limits_of, visible_to
from earwitness.archive.access.visible_recordings import visible_positions
from earwitness.archive.database.bulk_insert import insert_many
from earwitness.archive.database.in_list import among
from earwitness.archive.ledger.ledger import Entry
from earwitness.archive.ledger.recording_digests import Watched
from earwitness.archive.ledger.tree.commitments import Part
from earwitness.archive.schema.recordings import (
    legal_hold_recordings,
    legal_holds,
    playlist_recordings,
    playlists,
    recordings,
)
from earwitness.kernel.clock import format_ms, now_ms
from earwitness.kernel.errors import BadRequest, Fault, NotFound
from earwitness.kernel.wire import Id, MomentText, Wire, Word

_FAULTS_NAMED = 20

InteractionIds = Annotated[list[Id], Meta(max_length=1000)]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of collection: its names for people and for the ledger, and the tables it is stored in."""

    title: str
    entity_name: str
    part: Part
    """The part of a recording that says in which of them it is."""
    key_name: Literal["legalHold", "playlist"]
    catalogue: Table
    members: Table
    key: str
    """The column of the members' table; also the filter of a search, and the field of a selection."""

    @property
    def id_field(self) -> str:
        """The field of a request that names one: `legalHoldId`."""
        return f"{self.key_name}Id"


LEGAL_HOLDS = Kind(
    "legal hold", "LegalHold", "holds", "legalHold", legal_holds, legal_hold_recordings, "legal_hold_id"
)
PLAYLISTS = Kind(
    "playlist", "Playlist", "playlists", "playlist", playlists, playlist_recordings, "playlist_id"
)
KINDS = (LEGAL_HOLDS, PLAYLISTS)

_position = recordings.c.position

CHANGED_AT_ONCE = 1000
"""So many recordings are put in or taken out in the transaction of the change; more by a job, in batches."""


class CollectionToAdd(Wire):
    """The name of a new legal hold or playlist, and the recordings in it."""

    name: Word
    interaction_ids: InteractionIds | None = None


class CollectionChange(Wire):
    """A new name; and the recordings that replace those in it, or some to put in and some to take out."""

    name: Word | None = None
    interaction_ids: InteractionIds | None = None
    add_interaction_ids: InteractionIds | None = None
    remove_interaction_ids: InteractionIds | None = None


class CollectionId(Wire):
    """The id of the legal hold or playlist."""

    id: int


class Collection(Wire):
    """A legal hold or a playlist; `total` counts its recordings."""

    id: int
    name: str
    created_at: MomentText
    total: int


def list_collections(connection: Connection, kind: Kind, viewer: Viewer) -> list[Collection]:
    """All collections of a kind that have not ended, by id."""
    rows = connection.execute(
        select(kind.catalogue).where(kind.catalogue.c.ended_at.is_(None)).order_by(kind.catalogue.c.id)
    ).all()
    totals = {row.id: row.recordings for row in rows}
    if limits := list(limits_of(viewer)):
        key = kind.members.c[kind.key]
        joined = recordings.c.position == kind.members.c.position
        seen = select(key, func.count()).join(recordings, joined).where(among(key, [*totals]), *limits)
        totals = {row[0]: row[1] for row in connection.execute(seen.group_by(key))}
    return [
        Collection(
            id=row.id, name=row.name, created_at=format_ms(row.created_at), total=totals.get(row.id, 0)
        )
        for row in rows
    ]


def collection_row(connection: Connection, kind: Kind, collection_id: int, *, ended: bool = False) -> Any:
    """The row of one collection; with `ended` also of one that has ended. Raises NotFound."""
    lasts = () if ended else (kind.catalogue.c.ended_at.is_(None),)
    this = select(kind.catalogue).where(kind.catalogue.c.id == collection_id, *lasts)
    row = connection.execute(this).one_or_none()
    if row is None:
        raise NotFound(f"There is no {kind.title} {collection_id}.")
    return row


def add_collection(connection: Connection, kind: Kind, name: str) -> int:
    """Add an empty collection. Returns its id. Raises BadRequest for a blank name."""
    _check_name(name)
    added = insert(kind.catalogue).values(name=name, created_at=now_ms()).returning(kind.catalogue.c.id)
    return int(connection.execute(added).scalar_one())


def rename_collection(connection: Connection, kind: Kind, collection_id: int, name: str | None) -> Entry:
    """Give a collection a new name, if there is one; never touches its members. Returns its ledger entry.

    Raises NotFound, and BadRequest for a blank name.
    """
    row = collection_row(connection, kind, collection_id)
    if name is None:
        return Entry(collection_id, kind.entity_name, {"name": row.name})
    _check_name(name)
    this = kind.catalogue.c.id == collection_id
    connection.execute(update(kind.catalogue).where(this).values(name=name))
    return Entry(collection_id, kind.entity_name, {"name": name})


def end_collection(connection: Connection, kind: Kind, collection_id: int) -> Entry:
    """End a collection: from now on no recording is in it. Returns its entry for the ledger.

    The rows of its members remain without effect until they are taken out. Raises NotFound.
    """
    row = collection_row(connection, kind, collection_id)
    this = kind.catalogue.c.id == collection_id
    connection.execute(update(kind.catalogue).where(this).values(ended_at=now_ms()))
    return Entry(collection_id, kind.entity_name, {"name": row.name, "ended": True})


def note_members(connection: Connection, kind: Kind, collection_id: int, more: int) -> None:
    """Count recordings that were put into a collection, or less than 0 that were taken out or deleted."""
    this = kind.catalogue.c
    if more:
        count = {"recordings": this.recordings + more}
        connection.execute(update(kind.catalogue).where(this.id == collection_id).values(count))


def has_many(connection: Connection, kind: Kind, collection_id: int) -> bool:
    """Whether a collection has more recordings, seen or not, than are changed at once."""
    count: int = collection_row(connection, kind, collection_id, ended=True).recordings
    return count > CHANGED_AT_ONCE


def put_in(connection: Connection, kind: Kind, collection_id: int, these: Mapping[int, int]) -> list[Entry]:
    """Put recordings, positions by interactionId, into a collection. Returns an entry for each that was not.

    Raises NotFound if the collection has ended.
    """
    row = collection_row(connection, kind, collection_id)
    present = _present(connection, kind, collection_id, list(these.values()))
    added = {one: position for one, position in sorted(these.items()) if position not in present}
    watched = Watched(connection, list(added.values()), kind.part)
    add_members(connection, kind, collection_id, list(added.values()))
    return _entries(connection, kind, row, added, "added", watched)


def take_out(connection: Connection, kind: Kind, collection_id: int, these: Mapping[int, int]) -> list[Entry]:
    """Take recordings, positions by interactionId, out of a collection, even if it has ended.

    Returns an entry for each that was in it.
    """
    row = collection_row(connection, kind, collection_id, ended=True)
    present = _present(connection, kind, collection_id, list(these.values()))
    removed = {one: position for one, position in sorted(these.items()) if position in present}
    in_it = kind.members.c[kind.key] == collection_id
    gone = among(kind.members.c.position, list(removed.values()))
    watched = Watched(connection, list(removed.values()), kind.part)
    connection.execute(delete(kind.members).where(in_it, gone))
    note_members(connection, kind, collection_id, -len(removed))
    return _entries(connection, kind, row, removed, "removed", watched)


def recorded(connection: Connection, *which: ColumnElement[bool]) -> dict[int, int]:
    """The recordings that meet conditions: positions by interactionId."""
    rows = connection.execute(select(recordings.c.interaction_id, _position).where(*which))
    return {row.interaction_id: row.position for row in rows}


def members_of(connection: Connection, kind: Kind, collection_id: int, most: int) -> dict[int, int]:
    """The first recordings in a collection, seen or not: positions by interactionId."""
    first = select(kind.members.c.position).where(kind.members.c[kind.key] == collection_id)
    return recorded(connection, _position.in_(first.order_by(kind.members.c.position).limit(most)))


def replace_members(
    connection: Connection, kind: Kind, viewer: Viewer, collection_id: int, these: Mapping[int, int]
) -> list[Entry]:
    """Let a collection of few recordings have these, positions by interactionId; unseen ones stay in it."""
    in_it = select(kind.members.c.position).where(kind.members.c[kind.key] == collection_id)
    members = recorded(connection, _position.in_(in_it), visible_to(viewer))
    others = {one: position for one, position in members.items() if one not in these}
    added = put_in(connection, kind, collection_id, these)
    return added + take_out(connection, kind, collection_id, others)


def add_members(connection: Connection, kind: Kind, collection_id: int, positions: Sequence[int]) -> None:
    """Add recordings that are not in the collection yet."""
    rows = [{kind.key: collection_id, "position": position} for position in positions]
    insert_many(connection, kind.members, rows)
    note_members(connection, kind, collection_id, len(rows))


def named_positions(
    connection: Connection, viewer: Viewer, interaction_ids: Sequence[int], path: str = "interactionIds"
) -> dict[int, int]:
    """The positions of the recordings that a field names. Raises BadRequest naming those that are unknown."""
    found = visible_positions(connection, viewer, interaction_ids)
    faults = [
        Fault(f"{path}[{index}]", f"there is no recording {one}")
        for index, one in enumerate(interaction_ids)
        if one not in found
    ]
    if faults:
        raise BadRequest.of(*faults[:_FAULTS_NAMED])
    return found


def _present(connection: Connection, kind: Kind, collection_id: int, positions: Sequence[int]) -> set[int]:
    """Which of these positions are in a collection."""
    in_it = kind.members.c[kind.key] == collection_id
    listed = select(kind.members.c.position).where(in_it, among(kind.members.c.position, positions))
    return set(connection.scalars(listed))


def _entries(
    connection: Connection, kind: Kind, row: Any, these: Mapping[int, int], change: str, watched: Watched
) -> list[Entry]:
    """What the ledger tells of recordings that were `added` to a collection, or `removed`."""
    changed = watched.changed(connection)
    metadata: dict[str, object] = {kind.key_name: {"id": row.id, "name": row.name}, "change": change}
    return [
        Entry(interaction_id, metadata=metadata, changed=changed.get(position))
        for interaction_id, position in these.items()
    ]


def _check_name(name: str) -> None:
    if not name.strip():
        raise BadRequest.of(Fault("name", "expected a name"))
