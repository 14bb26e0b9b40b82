"""Legal holds and playlists: both are named lists of recordings, stored in the same way.

A recording that the viewer may not see is not shown or counted, and no change by the viewer removes it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from msgspec import Meta
from sqlalchemy import Connection, Select, Table, delete, func, insert, select, update

from earwitness.archive.access.viewer import Viewer
from earwitness.archive.access.visibility import visible_to
from earwitness.archive.access.visible_recordings import visible_positions
from earwitness.archive.database.bulk_insert import insert_many
from earwitness.archive.database.in_list import among
from earwitness.archive.ledger.ledger import Entry
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
    key_name: str
    catalogue: Table
    members: Table
    key: str


LEGAL_HOLDS = Kind(
    "legal hold", "LegalHold", "legalHold", legal_holds, legal_hold_recordings, "legal_hold_id"
)
PLAYLISTS = Kind("playlist", "Playlist", "playlist", playlists, playlist_recordings, "playlist_id")


class CollectionToAdd(Wire):
    """The name of a new legal hold or playlist, and the recordings in it."""

    name: Word
    interaction_ids: InteractionIds | None = None


class CollectionChange(Wire):
    """A new name, and the recordings that replace those in it."""

    name: Word | None = None
    interaction_ids: InteractionIds | None = None


class CollectionId(Wire):
    """The id of the legal hold or playlist."""

    id: int


class Collection(Wire):
    """A legal hold or a playlist; `total` counts its recordings."""

    id: int
    name: str
    created_at: MomentText
    total: int


class WholeCollection(Collection):
    """The same, with its recordings in the order of their ids."""

    interaction_ids: list[int]


def list_collections(connection: Connection, kind: Kind, viewer: Viewer) -> list[Collection]:
    """All collections of a kind that have not ended, by id."""
    key = kind.members.c[kind.key]
    counted = _visible_members(kind, viewer).with_only_columns(key, func.count()).group_by(key)
    totals = {row[0]: row[1] for row in connection.execute(counted)}
    rows = connection.execute(
        select(kind.catalogue).where(kind.catalogue.c.ended_at.is_(None)).order_by(kind.catalogue.c.id)
    )
    return [
        Collection(
            id=row.id, name=row.name, created_at=format_ms(row.created_at), total=totals.get(row.id, 0)
        )
        for row in rows
    ]


def get_collection(connection: Connection, kind: Kind, viewer: Viewer, collection_id: int) -> WholeCollection:
    """One collection. Raises NotFound."""
    row = _row(connection, kind, collection_id)
    members = sorted(_members(connection, kind, viewer, collection_id))
    return WholeCollection(
        id=row.id,
        name=row.name,
        created_at=format_ms(row.created_at),
        total=len(members),
        interaction_ids=members,
    )


def add_collection(connection: Connection, kind: Kind, name: str) -> int:
    """Add an empty collection. Returns its id. Raises BadRequest for a blank name."""
    _check_name(name)
    added = insert(kind.catalogue).values(name=name, created_at=now_ms()).returning(kind.catalogue.c.id)
    return int(connection.execute(added).scalar_one())


def change_collection(
    connection: Connection, kind: Kind, viewer: Viewer, collection_id: int, change: CollectionChange
) -> list[Entry]:
    """Rename a collection, and replace its members, where the change says so. Returns entries for the ledger.

    Raises NotFound, and BadRequest naming the recordings that do not exist.
    """
    row = _row(connection, kind, collection_id)
    name = row.name
    if change.name is not None:
        _check_name(change.name)
        name = change.name
        this = kind.catalogue.c.id == collection_id
        connection.execute(update(kind.catalogue).where(this).values(name=name))
    entries = [Entry(collection_id, kind.entity_name, {"name": name})]
    if change.interaction_ids is not None:
        after = _positions(connection, viewer, change.interaction_ids)
        members = _members(connection, kind, viewer, collection_id)
        added = {one: at for one, at in after.items() if one not in members}
        removed = {one: at for one, at in members.items() if one not in after}
        add_members(connection, kind, collection_id, list(added.values()))
        _remove_members(connection, kind, collection_id, list(removed.values()))
        told = {kind.key_name: {"id": collection_id, "name": name}}
        entries += [Entry(one, metadata={**told, "change": "added"}) for one in sorted(added)]
        entries += [Entry(one, metadata={**told, "change": "removed"}) for one in sorted(removed)]
    return entries


def end_collection(connection: Connection, kind: Kind, collection_id: int) -> list[Entry]:
    """End a collection, and remove all its members. Returns entries for the ledger. Raises NotFound."""
    row = _row(connection, kind, collection_id)
    key = kind.members.c[kind.key]
    members = connection.scalars(
        select(recordings.c.interaction_id)
        .join(kind.members, kind.members.c.position == recordings.c.position)
        .where(key == collection_id)
        .order_by(recordings.c.interaction_id)
    ).all()
    connection.execute(delete(kind.members).where(key == collection_id))
    this = kind.catalogue.c.id == collection_id
    connection.execute(update(kind.catalogue).where(this).values(ended_at=now_ms()))
    told: dict[str, object] = {
        kind.key_name: {"id": collection_id, "name": row.name},
        "change": "removed",
    }
    ended = Entry(collection_id, kind.entity_name, {"name": row.name, "ended": True})
    return [ended, *(Entry(one, metadata=told) for one in members)]


def add_members(connection: Connection, kind: Kind, collection_id: int, positions: Sequence[int]) -> None:
    """Add recordings that are not in the collection yet."""
    rows = [{kind.key: collection_id, "position": position} for position in positions]
    insert_many(connection, kind.members, rows)


def _remove_members(connection: Connection, kind: Kind, collection_id: int, positions: Sequence[int]) -> None:
    in_it = kind.members.c[kind.key] == collection_id
    connection.execute(delete(kind.members).where(in_it, among(kind.members.c.position, positions)))


def _row(connection: Connection, kind: Kind, collection_id: int) -> Any:
    row = connection.execute(
        select(kind.catalogue).where(
            kind.catalogue.c.id == collection_id, kind.catalogue.c.ended_at.is_(None)
        )
    ).one_or_none()
    if row is None:
        raise NotFound(f"There is no {kind.title} {collection_id}.")
    return row


def _visible_members(kind: Kind, viewer: Viewer) -> Select[Any]:
    return (
        select(recordings.c.interaction_id, recordings.c.position)
        .join(kind.members, kind.members.c.position == recordings.c.position)
        .where(visible_to(viewer))
    )


def _members(connection: Connection, kind: Kind, viewer: Viewer, collection_id: int) -> dict[int, int]:
    in_it = kind.members.c[kind.key] == collection_id
    rows = connection.execute(_visible_members(kind, viewer).where(in_it))
    return {row.interaction_id: row.position for row in rows}


def _positions(connection: Connection, viewer: Viewer, interaction_ids: Sequence[int]) -> dict[int, int]:
    found = visible_positions(connection, viewer, interaction_ids)
    faults = [
        Fault(f"interactionIds[{index}]", f"there is no recording {one}")
        for index, one in enumerate(interaction_ids)
        if one not in found
    ]
    if faults:
        raise BadRequest.of(*faults[:_FAULTS_NAMED])
    return found


def _check_name(name: str) -> None:
    if not name.strip():
        raise BadRequest.of(Fault("name", "expected a name"))
