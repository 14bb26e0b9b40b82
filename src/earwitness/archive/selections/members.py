"""The recordings in a legal hold or playlist that a viewer may see: a page of them, or all if they are few.

They are found by the search for its id, so that lists, totals and pages agree: decision 0051.
"""

from collections.abc import Iterator
from typing import TypeVar

from sqlalchemy import Connection, select

from earwitness.archive.access.viewer import Viewer
from earwitness.archive.access.visibility import limits_of
from earwitness.archive.database.in_list import among
from earwitness.archive.recordings.collections import LEGAL_HOLDS, Collection, Kind, collection_row
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.search.filters import RecordingFilters, RecordingSearch
from earwitness.archive.search.search import positions_of, search
from earwitness.kernel.clock import format_ms
from earwitness.kernel.wire import Page, PageSize, Wire

DEFAULT_PAGE_SIZE = 100
LISTED_AT_MOST = 1000

Filters = TypeVar("Filters", bound=RecordingFilters)


class WholeCollection(Collection):
    """The same, with its recordings in the order of their ids; null where there are more than 1,000."""

    interaction_ids: list[int] | None


class Member(Wire):
    """A recording in a legal hold or playlist."""

    interaction_id: int


class WantedMembers(Wire):
    """Which page of its recordings."""

    page: Page | None = None
    page_size: PageSize | None = None


def get_collection(
    connection: Connection, kind: Kind, viewer: Viewer, collection_id: int, *, ended: bool = False
) -> WholeCollection:
    """One collection; with `ended` also one that has ended. Raises NotFound."""
    row = collection_row(connection, kind, collection_id, ended=ended)
    total, members = row.recordings, list[int]()
    if total <= LISTED_AT_MOST or row.ended_at is not None or any(True for _ in limits_of(viewer)):
        members, total = _page(connection, kind, viewer, collection_id, 1, LISTED_AT_MOST)
    return WholeCollection(
        id=row.id,
        name=row.name,
        created_at=format_ms(row.created_at),
        total=total,
        interaction_ids=sorted(members) if total <= LISTED_AT_MOST else None,
    )


def list_members(
    connection: Connection, kind: Kind, viewer: Viewer, collection_id: int, wanted: WantedMembers
) -> tuple[list[Member], int]:
    """A page of its recordings, by start, oldest first; and how many there are. Raises NotFound."""
    collection_row(connection, kind, collection_id)
    page, size = wanted.page or 1, wanted.page_size or DEFAULT_PAGE_SIZE
    ids, total = _page(connection, kind, viewer, collection_id, page, size)
    return [Member(interaction_id=one) for one in ids], total


def all_members(
    connection: Connection, kind: Kind, viewer: Viewer, collection_id: int
) -> Iterator[list[int]]:
    """The positions of all its recordings, in ascending order and some at once."""
    return positions_of(connection, _of(RecordingFilters(), kind, collection_id), viewer)


def _of(filters: Filters, kind: Kind, collection_id: int) -> Filters:
    if kind is LEGAL_HOLDS:
        filters.legal_hold_id = collection_id
    else:
        filters.playlist_id = collection_id
    return filters


def _page(
    connection: Connection, kind: Kind, viewer: Viewer, collection_id: int, page: int, page_size: int
) -> tuple[list[int], int]:
    """The ids of a page of its recordings, and how many there are."""
    filters = RecordingSearch(start_time_direction="ASC", page=page, page_size=page_size)
    found = search(connection, _of(filters, kind, collection_id), viewer)
    these = among(recordings.c.position, found.positions)
    rows = connection.execute(select(recordings.c.position, recordings.c.interaction_id).where(these))
    ids = {row.position: row.interaction_id for row in rows}
    return [ids[position] for position in found.positions], found.total
