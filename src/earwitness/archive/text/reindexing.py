"""Writing the documents of several recordings again, because something that they share has a new name."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select

from earwitness.archive.jobs import queue
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.text.index import index_recordings

MOST_AT_ONCE = 200
"""For more recordings the caller would wait too long, and so would all other writers of the account."""


def index_anew(connection: Connection, positions: Select[Any]) -> None:
    """Write the documents of recordings again: at once where they are few, else by a job for each."""
    few: Sequence[int] = connection.scalars(positions.distinct().limit(MOST_AT_ONCE + 1)).all()
    if len(few) > MOST_AT_ONCE:
        queue.add_for_all(connection, "index", [recordings.c.position.in_(positions)])
        return
    if few:
        index_recordings(connection, few)
