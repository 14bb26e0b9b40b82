"""The jobs that an account has left to do. Those that are done are not counted: their number only grows."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, case, func, select

from earwitness.archive.jobs.queue import JobState
from earwitness.archive.schema.work import jobs

UNFINISHED: Sequence[JobState] = ("queued", "running", "dead")


@dataclass(frozen=True, slots=True)
class Workload:
    """How many jobs are in each unfinished state, and when the oldest queued job was queued."""

    counts: dict[str, int]
    oldest_queued_at: int | None


def workload(connection: Connection) -> Workload:
    queued_at = func.min(case((jobs.c.state == "queued", jobs.c.queued_at)))
    rows = connection.execute(
        select(jobs.c.state, func.count(), queued_at)
        .where(jobs.c.state.in_(UNFINISHED))
        .group_by(jobs.c.state)
    ).all()
    waiting = [row[2] for row in rows if row[2] is not None]
    return Workload({row[0]: row[1] for row in rows}, min(waiting, default=None))
