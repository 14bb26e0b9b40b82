"""Recordings that somebody put together: legal holds and playlists, which differ in what they do alone.

A member that the viewer may not see is not there: it is not shown, counted, or touched by a change.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from msgspec import Meta
from sqlalchemy import Connection, Select, Table, delete, func, insert, select, update

from earwitness.archive.access.viewer import Viewer, visible_to
from earwitness.archive.access.visible import visible_positions
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
    """What a collection is called, to people and in the ledger, and where its rows are."""

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
    """What it is to be called, and the recordings in it."""

    name: Word
    interaction_ids: InteractionIds | None = None


class CollectionChange(Wire):
    """Another name; the recordings that are to be in it, in place of those that are."""

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


def collections(connection: Connection, kind: Kind, viewer: Viewer) -> list[Collection]:
    """All that are, in the order of their ids."""
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


def collection(connection: Connection, kind: Kind, viewer: Viewer, collection_id: int) -> WholeCollection:
    """One of them. Raises NotFound."""
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
    """Add an empty one, and answer its id. Raises BadRequest for a name that is blank."""
    _check_name(name)
    added = insert(kind.catalogue).values(name=name, created_at=now_ms()).returning(kind.catalogue.c.id)
    return int(connection.execute(added).scalar_one())


def change_collection(
    connection: Connection, kind: Kind, viewer: Viewer, collection_id: int, wanted: CollectionChange
) -> list[Entry]:
    """Rename one, and replace its members, as far as asked; answers what the ledger is to say of it.

    Raises NotFound, and BadRequest naming the recordings that are not there.
    """
    row = _row(connection, kind, collection_id)
    name = row.name
    if wanted.name is not None:
        _check_name(wanted.name)
        name = wanted.name
        this = kind.catalogue.c.id == collection_id
        connection.execute(update(kind.catalogue).where(this).values(name=name))
    entries = [Entry(collection_id, kind.entity_name, {"name": name})]
    if wanted.interaction_ids is not None:
        wanted_members = _positions(connection, viewer, wanted.interaction_ids)
        members = _members(connection, kind, viewer, collection_id)
        added = {one: at for one, at in wanted_members.items() if one not in members}
        removed = {one: at for one, at in members.items() if one not in wanted_members}
        put(connection, kind, collection_id, list(added.values()))
        _take(connection, kind, collection_id, list(removed.values()))
        told = {kind.key_name: {"id": collection_id, "name": name}}
        entries += [Entry(one, metadata={**told, "change": "added"}) for one in sorted(added)]
        entries += [Entry(one, metadata={**told, "change": "removed"}) for one in sorted(removed)]
    return entries


def end_collection(connection: Connection, kind: Kind, collection_id: int) -> list[Entry]:
    """End one: its recordings, seen or not, are no longer in it. Answers what the ledger is to say of it.

    Raises NotFound.
    """
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


def put(connection: Connection, kind: Kind, collection_id: int, positions: Sequence[int]) -> None:
    """Put recordings in that are not in it yet."""
    rows = [{kind.key: collection_id, "position": position} for position in positions]
    insert_many(connection, kind.members, rows)


def _take(connection: Connection, kind: Kind, collection_id: int, positions: Sequence[int]) -> None:
    of_it = kind.members.c[kind.key] == collection_id
    connection.execute(delete(kind.members).where(of_it, among(kind.members.c.position, positions)))


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
    of_it = kind.members.c[kind.key] == collection_id
    rows = connection.execute(_visible_members(kind, viewer).where(of_it))
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
