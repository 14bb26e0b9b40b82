"""Doing steps again, of recordings that are there: after a better engine, or a mended decoder."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, select

from earwitness.archive.jobs import queue
from earwitness.archive.jobs.queue import StepName
from earwitness.archive.schema.recordings import recordings
from earwitness.ingest.steps import transcribe
from earwitness.kernel.errors import Conflict, NotFound


def queue_again(
    connection: Connection, step: StepName | None = None, interaction_id: int | None = None
) -> Sequence[int]:
    """Queue all steps, or one, of all recordings, or one; what waits already is left.

    Answers the positions of those that were queued. Raises NotFound, and Conflict where there is no
    engine to transcribe with.
    """
    which: list[ColumnElement[bool]] = []
    if interaction_id is not None:
        this = recordings.c.interaction_id == interaction_id
        if connection.scalar(select(recordings.c.position).where(this)) is None:
            raise NotFound(f"There is no recording {interaction_id}.")
        which.append(this)
    if step == "measure":
        which.append(recordings.c.has_media)
    if step == "transcribe":
        if transcribe.engine_of(connection) == transcribe.NONE:
            raise Conflict("No engine is set: choose one with `earwitness account set --transcription`.")
        which += transcribe.wanted()
    if step == "measure" or step == "retain":
        return queue.queue_for_all(connection, "process", which, step=step)
    return queue.queue_for_all(connection, step or "process", which)
