"""Searching recordings: the positions of one page, and the exact total."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Select, and_, cast, func, select, text, true
from sqlalchemy.dialects.postgresql import TSQUERY

from earwitness.archive import free_text
from earwitness.archive.filters import RecordingFilters, RecordingSearch, conditions
from earwitness.archive.free_text import Node, Phrase
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.schema.text import recording_text_fts5, recording_text_parts
from earwitness.archive.times_of_day import time_conditions
from earwitness.archive.viewer import Viewer, visible_to

DEFAULT_PAGE_SIZE = 100


@dataclass(frozen=True, slots=True)
class Found:
    """A page's positions in the order asked for, the exact total, and what freeText asked."""

    positions: list[int]
    total: int
    asked: Node | None


def search(
    connection: Connection, wanted: RecordingSearch, viewer: Viewer, newest_id: int | None = None
) -> Found:
    """Find a page of what the viewer may see; `newest_id` leaves out what was committed after it.

    Raises BadRequest naming the filter that cannot be taken.
    """
    asked = free_text.parse(wanted.free_text) if wanted.free_text else None
    condition = and_(
        true(),
        visible_to(viewer),
        *_matching(connection, asked),
        *_all_conditions(connection, wanted, viewer),
        *([] if newest_id is None else [recordings.c.interaction_id <= newest_id]),
    )
    total = connection.scalar(select(func.count()).select_from(recordings).where(condition)) or 0
    size = wanted.page_size or DEFAULT_PAGE_SIZE
    first = ((wanted.page or 1) - 1) * size
    if first >= total:
        return Found([], total, asked)
    position = recordings.c.position
    order = position.asc() if wanted.start_time_direction == "ASC" else position.desc()
    page = select(position).where(condition).order_by(order).limit(size).offset(first)
    return Found(list(connection.scalars(page)), total, asked)


def newest_committed_id(connection: Connection) -> int:
    """The highest interactionId of this moment: ids are handed out in the order of commits."""
    return connection.scalar(select(func.max(recordings.c.interaction_id))) or 0


def _all_conditions(
    connection: Connection, wanted: RecordingFilters, viewer: Viewer
) -> Iterator[ColumnElement[bool]]:
    yield from conditions(wanted, viewer)
    yield from time_conditions(connection, wanted.time_ranges)


def _matching(connection: Connection, asked: Node | None) -> Iterator[ColumnElement[bool]]:
    if asked is None:
        return
    position = recordings.c.position
    if connection.dialect.name == "sqlite":
        hits = free_text.fts5(asked)
        table = recording_text_fts5
        found = select(table.c.rowid).where(text("recording_text MATCH :match").bindparams(match=hits.found))
        yield position.not_in(found) if hits.complement else position.in_(found)
    else:
        parts = free_text.positions(asked, _phrase_in_postgres)
        yield position.not_in(parts.found) if parts.complement else position.in_(parts.found)


def _phrase_in_postgres(phrase: Phrase) -> Select[int]:
    table = recording_text_parts
    query = cast(free_text.leaf_tsquery(phrase), TSQUERY)
    return select(table.c.position).where(table.c.document.op("@@")(query))
