"""Writing the documents of recordings again, because something that they share has a new name."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Text, cast, distinct, func, select

from earwitness.archive.database.in_list import among
from earwitness.archive.jobs import queue
from earwitness.archive.jobs.account_jobs import AccountJob, Found
from earwitness.archive.schema.recordings import (
    recording_endpoints,
    recording_tags,
    recordings,
    transcripts,
)
from earwitness.archive.text.index import index_recordings

MOST_AT_ONCE = 200
"""For more recordings the caller would wait too long, and so would all other writers of the account."""

_CHARACTERS_AT_ONCE = 100_000
"""Of stored transcripts: reading and indexing them takes about 100 ms."""

MOST_QUEUED_AT_ONCE = 2_000
"""For more recordings not even their jobs are queued at once, but in batches by a job of the account."""

SHARED: Mapping[str, Column[int]] = {
    "person": recording_endpoints.c.person_id,
    "tag": recording_tags.c.tag_id,
}
"""What recordings share, and the column that says which recordings have it."""


def index_anew(connection: Connection, shared: str, id_: int, order: Callable[..., int], total: int) -> None:
    """Write the documents of recordings with a person or a tag again.

    At once where they are few, else by a job for each; `order` orders a job of the account, as `Call.order`
    does, and `total` is what `count_many` counted in a read.
    """
    few = _with(connection, shared, id_, None, MOST_QUEUED_AT_ONCE + 1)
    if len(few) > MOST_QUEUED_AT_ONCE:
        order("index", {"shared": shared, "id": id_}, total=max(total, len(few)))
    elif len(few) > MOST_AT_ONCE or _characters_in(connection, few) > _CHARACTERS_AT_ONCE:
        _queue(connection, few)
    elif few:
        index_recordings(connection, few)


def find(connection: Connection, job: AccountJob, most: int) -> Found[Sequence[int]]:
    """Find the next recordings whose documents are to be written. `cursor` is the last one that was."""
    found = _with(connection, job.what["shared"], job.what["id"], job.cursor, most)
    return Found(found, found[-1] if found else job.cursor, len(found), is_last=len(found) < most)


def write(connection: Connection, _job: AccountJob, positions: Sequence[int]) -> None:
    """Queue a job for each of some recordings, unless one waits already."""
    _queue(connection, positions)


def _queue(connection: Connection, positions: Sequence[int]) -> None:
    these = among(recordings.c.position, positions)
    queue.add_for_all(connection, "index", [these], within=(min(positions), max(positions)))


def _characters_in(connection: Connection, positions: Sequence[int]) -> int:
    """How long the transcripts of recordings are, as they are stored."""
    length = func.sum(func.length(cast(transcripts.c.segments, Text)))
    return connection.scalar(select(length).where(among(transcripts.c.position, positions))) or 0


def count_many(connection: Connection, shared: str, id_: int) -> int:
    """How many recordings have a person or a tag, for `index_anew`. A write would hold up all others."""
    column = SHARED[shared]
    counted = select(func.count(distinct(column.table.c.position))).where(column == id_)
    return connection.scalar(counted) or 0


def _with(
    connection: Connection, shared: str, id_: int, after: int | None, most: int | None = None
) -> Sequence[int]:
    """Positions of recordings with a person or a tag, after one of them; at most so many."""
    column = SHARED[shared]
    position: Column[Any] = column.table.c.position
    which = [column == id_] if after is None else [column == id_, position > after]
    return connection.scalars(select(position).distinct().where(*which).order_by(position).limit(most)).all()
