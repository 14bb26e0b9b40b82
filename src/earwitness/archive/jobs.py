"""Background work: queued in the transaction that needs it, leased by one worker at a time.

A worker renews its lease while it works; a lease that ran out is taken up by the next worker. What
fails is tried again, later each time, and is `dead` after the last try, with the reason.
"""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, and_, delete, func, insert, or_, select, update

from earwitness.archive.schema.recordings import recordings
from earwitness.archive.schema.work import jobs
from earwitness.kernel.clock import format_ms, now_ms

State = Literal["queued", "running", "done", "dead"]

LEASE_MS = 8_000
MOST_ATTEMPTS = 5
_FIRST_WAIT_MS = 2_000
_KEPT_NOTES = 20


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work on one recording."""

    id: int
    kind: str
    position: int
    attempts: int


def queue(connection: Connection, kind: str, position: int, *notes: str) -> None:
    """Queue work on a recording; `notes` begin its log."""
    now = now_ms()
    connection.execute(
        insert(jobs).values(
            kind=kind,
            position=position,
            state="queued",
            attempts=0,
            queued_at=now,
            run_at=now,
            log=[_note(note) for note in notes],
        )
    )


def lease(connection: Connection, worker: str) -> Job | None:
    """Take the oldest job that is due, or whose worker let its lease run out."""
    now = now_ms()
    due = or_(
        and_(jobs.c.state == "queued", jobs.c.run_at <= now),
        and_(jobs.c.state == "running", jobs.c.leased_until <= now),
    )
    row = connection.execute(
        select(jobs.c.id, jobs.c.kind, jobs.c.position, jobs.c.attempts)
        .where(due)
        .order_by(jobs.c.run_at, jobs.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).one_or_none()
    if row is None:
        return None
    job = Job(row.id, row.kind, row.position, row.attempts + 1)
    connection.execute(
        update(jobs)
        .where(jobs.c.id == job.id)
        .values(state="running", attempts=job.attempts, leased_by=worker, leased_until=now + LEASE_MS)
    )
    return job


def has_due(connection: Connection) -> bool:
    """Whether there is anything to lease; cheap enough to ask often."""
    now = now_ms()
    return (
        connection.scalar(
            select(jobs.c.id)
            .where(
                or_(
                    and_(jobs.c.state == "queued", jobs.c.run_at <= now),
                    and_(jobs.c.state == "running", jobs.c.leased_until <= now),
                )
            )
            .limit(1)
        )
        is not None
    )


def renew(connection: Connection, job: Job, worker: str) -> bool:
    """Lengthen a lease; False when it is another's by now."""
    renewed = connection.execute(
        update(jobs)
        .where(jobs.c.id == job.id, jobs.c.leased_by == worker, jobs.c.state == "running")
        .values(leased_until=now_ms() + LEASE_MS)
    )
    return renewed.rowcount == 1


def finish(connection: Connection, job: Job, worker: str) -> bool:
    """Mark a job as done, in the transaction of its work; False when the lease is another's by now."""
    return _end(connection, job, worker, "done", 0, None)


def fail(connection: Connection, job: Job, worker: str, reason: str) -> None:
    """Queue a job for another try, later each time; after the last it is dead and keeps the reason."""
    if job.attempts >= MOST_ATTEMPTS:
        _end(connection, job, worker, "dead", 0, reason)
    else:
        _end(connection, job, worker, "queued", _FIRST_WAIT_MS * 4 ** (job.attempts - 1), reason)


def note(connection: Connection, job_id: int, text: str) -> None:
    """Add a line to a job's log."""
    log = connection.scalar(select(jobs.c.log).where(jobs.c.id == job_id)) or []
    connection.execute(update(jobs).where(jobs.c.id == job_id).values(log=[*log, _note(text)][-_KEPT_NOTES:]))


def retry(connection: Connection, job_id: int | None = None) -> int:
    """Queue dead jobs anew, all or one; answers how many."""
    which = jobs.c.state == "dead" if job_id is None else and_(jobs.c.state == "dead", jobs.c.id == job_id)
    return connection.execute(
        update(jobs).where(which).values(state="queued", attempts=0, run_at=now_ms())
    ).rowcount


def drop(connection: Connection, job_id: int) -> bool:
    """Remove a job that is not running; False if there is none."""
    return (
        connection.execute(delete(jobs).where(jobs.c.id == job_id, jobs.c.state != "running")).rowcount == 1
    )


def listed(connection: Connection, *, done: bool = False) -> list[dict[str, object]]:
    """The jobs and why they failed, oldest first; those that are done only when asked for."""
    rows = connection.execute(
        select(jobs, recordings.c.interaction_id, recordings.c.third_party_id)
        .join(recordings, recordings.c.position == jobs.c.position)
        .where(jobs.c.state.in_(("queued", "running", "dead") + (("done",) if done else ())))
        .order_by(jobs.c.id)
    )
    return [
        {
            "id": row.id,
            "kind": row.kind,
            "state": row.state,
            "interactionId": row.interaction_id,
            "thirdPartyId": row.third_party_id,
            "attempts": row.attempts,
            "queuedAt": format_ms(row.queued_at),
            "runAt": format_ms(row.run_at),
            "log": row.log,
        }
        for row in rows
    ]


def counts(connection: Connection) -> dict[str, int]:
    """How many jobs are in each state."""
    rows = connection.execute(select(jobs.c.state, func.count()).group_by(jobs.c.state))
    return {row[0]: row[1] for row in rows}


def _end(
    connection: Connection, job: Job, worker: str, state: State, wait_ms: int, reason: str | None
) -> bool:
    if reason is not None:
        note(connection, job.id, reason)
    ended = connection.execute(
        update(jobs)
        .where(jobs.c.id == job.id, jobs.c.leased_by == worker, jobs.c.state == "running")
        .values(state=state, run_at=now_ms() + wait_ms, leased_by=None, leased_until=None)
    )
    return ended.rowcount == 1


def _note(text: str) -> dict[str, str]:
    return {"at": format_ms(now_ms()), "text": text}
