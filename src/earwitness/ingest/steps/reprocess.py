"""Doing steps again for recordings that have been processed: with a better engine, or a mended decoder."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, select

from earwitness.archive.jobs import queue
from earwitness.archive.jobs.kinds import StepName
from earwitness.archive.schema.recordings import recordings
from earwitness.ingest.steps.run import STEPS
from earwitness.kernel.errors import NotFound


def queue_again(
    connection: Connection, step: StepName | None = None, interaction_id: int | None = None
) -> Sequence[int]:
    """Queue all steps, or one, for all recordings, or one. A job that is unfinished is not queued twice.

    Returns the positions of the recordings that were queued. Raises NotFound, and Conflict if there is no
    engine to transcribe with.
    """
    which: list[ColumnElement[bool]] = []
    if interaction_id is not None:
        this = recordings.c.interaction_id == interaction_id
        if connection.scalar(select(recordings.c.position).where(this)) is None:
            raise NotFound(f"There is no recording {interaction_id}.")
        which.append(this)
    if step is None:
        return queue.add_for_all(connection, "process", which)
    row = next(one for one in STEPS if one.name == step)
    only_step = None if row.again_by == step else step
    return queue.add_for_all(connection, row.again_by, [*which, *row.fits(connection)], step=only_step)
