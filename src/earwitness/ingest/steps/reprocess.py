"""Doing steps again for recordings that have been processed: with a better engine, or a mended decoder."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, select

from earwitness.archive.database.in_list import among
from earwitness.archive.jobs import queue
from earwitness.archive.jobs.kinds import StepName
from earwitness.archive.schema.recordings import recordings
from earwitness.ingest.steps.run import STEPS, Step
from earwitness.kernel.errors import NotFound


def fitting(connection: Connection, step: StepName | None) -> list[ColumnElement[bool]]:
    """The conditions on recordings for which all steps, or one, can be done again.

    Raises Conflict if there is no engine to transcribe with.
    """
    return [] if step is None else list(_row(step).fits(connection))


def queue_again(
    connection: Connection,
    step: StepName | None = None,
    interaction_id: int | None = None,
    *,
    of: Sequence[int] | None = None,
) -> Sequence[int]:
    """Queue all steps, or one, for all recordings, for one, or for those `of` these positions.

    A job that is unfinished is not queued twice. Returns the positions of the recordings that were queued.
    Raises NotFound, and Conflict as `fitting` does.
    """
    which: list[ColumnElement[bool]] = []
    if interaction_id is not None:
        this = recordings.c.interaction_id == interaction_id
        if connection.scalar(select(recordings.c.position).where(this)) is None:
            raise NotFound(f"There is no recording {interaction_id}.")
        which.append(this)
    if of is not None:
        which.append(among(recordings.c.position, of))
    if step is None:
        return queue.add_for_all(connection, "process", which)
    kind = _row(step).again_by
    only_step = None if kind == step else step
    return queue.add_for_all(connection, kind, [*which, *fitting(connection, step)], step=only_step)


def _row(step: StepName) -> Step:
    return next(one for one in STEPS if one.name == step)
