"""The work that is left in an account. What is done is not counted: it only grows."""

from dataclasses import dataclass

from sqlalchemy import Connection, case, func, select

from earwitness.archive.schema.work import jobs

UNFINISHED = ("queued", "running", "dead")


@dataclass(frozen=True, slots=True)
class Workload:
    """How many jobs are in each unfinished state, and since when the oldest of the queued waits."""

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
