"""The job queue of an account: jobs are queued in the transaction that needs them, and leased by one worker.

A worker renews its lease while it works. If a lease runs out, another worker takes the job. A job that fails
is tried again, later each time. After the last try it is `dead`, and its log has the reason.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    Update,
    and_,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from earwitness.archive.database.bulk_insert import insert_many
from earwitness.archive.database.in_list import among
from earwitness.archive.jobs.kinds import JOB_KINDS, JobKind, StepName, WorkKind
from earwitness.archive.ledger.ledger import Entry
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.schema.work import jobs
from earwitness.kernel.clock import format_ms, now_ms

JobState = Literal["queued", "running", "done", "dead"]

LEASE_MS = 8_000
MOST_ATTEMPTS = 7
_FIRST_WAIT_MS = 2_000
_WAIT_FACTOR = 4
_LONGEST_WAIT_MS = 3_600_000
_CLOCK_TOLERANCE_MS = 60_000
_KEPT_NOTES = 20
_DUE = "earwitness_due"


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work on one recording: all steps of its kind, or only `step`."""

    id: int
    kind: JobKind
    position: int
    attempts: int
    step: StepName | None = None


def add(
    connection: Connection, kind: JobKind, position: int, *notes: str, step: StepName | None = None
) -> None:
    """Queue a job for a recording; `notes` are the first entries of its log."""
    add_for_each(connection, kind, {position: notes}, step=step)


def add_for_each(
    connection: Connection,
    kind: JobKind,
    notes: Mapping[int, Sequence[str]],
    *,
    step: StepName | None = None,
) -> None:
    """Queue a job for each of these positions; its log begins with the `notes` of the position."""
    if not notes:
        return
    new = _new(kind, step)
    rows = [new | {"position": at, "log": [_note(note) for note in noted]} for at, noted in notes.items()]
    insert_many(connection, jobs, rows)
    remember_due(connection, kind, new["run_at"])


def add_for_all(
    connection: Connection,
    kind: JobKind,
    which: Sequence[ColumnElement[bool]],
    *,
    step: StepName | None = None,
    within: tuple[int, int] | None = None,
) -> Sequence[int]:
    """Queue a job for each recording that meets all conditions, unless the same job is unfinished there.

    `within` has the positions of the first and the last of some of many recordings: else PostgreSQL may look
    at all unfinished jobs.

    Returns the positions of the recordings that got one.
    """
    new = _new(kind, step) | {"log": []}
    waiting = select(jobs.c.id).where(
        jobs.c.position == recordings.c.position,
        jobs.c.state.in_(("queued", "running")),
        jobs.c.kind == kind,
        jobs.c.step.is_not_distinct_from(step),
        *(() if within is None else (jobs.c.position.between(*within),)),
    )
    columns = [literal(value, jobs.c[name].type) for name, value in new.items()]
    remember_due(connection, kind, new["run_at"])
    rows = select(recordings.c.position, *columns).where(*which, ~waiting.exists())
    queued = insert(jobs).from_select(["position", *new], rows).returning(jobs.c.position)
    return connection.scalars(queued).all()


def lease(connection: Connection, worker: str, kind: JobKind) -> Job | None:
    """Take the oldest job of a kind that is due, or one whose lease has run out."""
    now = now_ms()
    while (row := _next(connection, kind, now)) is not None:
        if row.state == "running" and row.attempts >= MOST_ATTEMPTS:
            add_note(connection, row.id, f"Its worker died {row.attempts} times.")
            connection.execute(update(jobs).where(jobs.c.id == row.id).values(_ended("dead")))
            continue
        job = Job(row.id, row.kind, row.position, row.attempts + 1, row.step)
        connection.execute(
            update(jobs)
            .where(jobs.c.id == job.id)
            .values(state="running", attempts=job.attempts, leased_by=worker, leased_until=now + LEASE_MS)
        )
        return job
    return None


def next_due_at(connection: Connection, kind: JobKind) -> int | None:
    """Get when the next job can be leased, if no lease is renewed; None if there is no job left."""
    moments = (
        connection.scalar(select(func.min(column)).where(jobs.c.state == state, jobs.c.kind == kind))
        for state, column in (("queued", jobs.c.run_at), ("running", jobs.c.leased_until))
    )
    return min((moment for moment in moments if moment is not None), default=None)


def is_due(connection: Connection, kind: JobKind) -> bool:
    """Whether there is a job to lease, or one whose lease has run out."""
    due_at = next_due_at(connection, kind)
    return due_at is not None and due_at <= now_ms()


def renew(connection: Connection, job: Job, worker: str) -> bool:
    """Lengthen a lease; False if another worker has the job by now."""
    return _change(connection, job, worker, {"leased_until": now_ms() + LEASE_MS})


def has_leases(connection: Connection, worker: str) -> bool:
    """Whether a worker has leased jobs that it has not ended."""
    return connection.scalar(select(jobs.c.id).where(*_leased_by(worker)).limit(1)) is not None


def end_leases(connection: Connection, worker: str) -> None:
    """Let the leases of a dead worker run out now."""
    ended = update(jobs).where(*_leased_by(worker)).values(leased_until=now_ms())
    for kind in connection.scalars(ended.returning(jobs.c.kind)):
        remember_due(connection, kind, now_ms())


def has_jobs_too_late(connection: Connection) -> bool:
    """Whether jobs are due implausibly late, because a clock was wrong when their time was set."""
    return connection.scalar(select(jobs.c.id).where(_is_too_late()).limit(1)) is not None


def make_late_jobs_due(connection: Connection, most: int = 1_000) -> bool:
    """Make some of such jobs due now. Returns whether there may be more."""
    now = now_ms()
    some = connection.scalars(select(jobs.c.id).where(_is_too_late()).limit(most)).all()
    due = update(jobs).where(among(jobs.c.id, some), _is_too_late())
    for kind in connection.scalars(due.values(run_at=now, leased_until=now).returning(jobs.c.kind)):
        remember_due(connection, kind, now)
    return len(some) == most


def finish(connection: Connection, job: Job, worker: str) -> bool:
    """Mark a job as done, in the transaction of its work; False if another worker has it by now."""
    return _change(connection, job, worker, _ended("done"))


def release(connection: Connection, job: Job, worker: str) -> None:
    """Give back a job that was begun and not done. It is due at once, and this does not count as a try."""
    _change(connection, job, worker, _ended("queued") | {"attempts": job.attempts - 1})
    remember_due(connection, job.kind, now_ms())


def fail(connection: Connection, job: Job, worker: str, reason: str, *, for_good: bool = False) -> None:
    """Queue a job for another try, later each time. After the last try, or `for_good`, it is dead.

    The reason is added to its log.
    """
    if for_good or job.attempts >= MOST_ATTEMPTS:
        values = _ended("dead")
    else:
        values = _ended("queued", wait_ms(job.attempts))
        remember_due(connection, job.kind, values["run_at"])
    if _change(connection, job, worker, values):
        add_note(connection, job.id, reason)


def wait_ms(attempts: int) -> int:
    """How long a job waits for its next try, after so many."""
    # Jobs that failed together, such as on a full disk, are not to be tried again all at once.
    scattered = random.uniform(0.75, 1.25)  # noqa: S311
    return int(_FIRST_WAIT_MS * _WAIT_FACTOR ** (attempts - 1) * scattered)


def remember_due(connection: Connection, kind: WorkKind, at: int) -> None:
    """Remember on the connection that a job was queued: the account is marked after the commit."""
    due_at = connection.info.setdefault(_DUE, {})
    due_at[kind] = min(at, due_at.get(kind, at))


def take_due(connection: Connection) -> dict[WorkKind, int]:
    """Get when the first job of each kind is due that was queued on this connection, and forget it."""
    due_at: dict[WorkKind, int] = connection.info.pop(_DUE, {})
    return due_at


def add_note(connection: Connection, job_id: int, text: str) -> None:
    """Add an entry to a job's log."""
    log = connection.scalar(select(jobs.c.log).where(jobs.c.id == job_id)) or []
    connection.execute(update(jobs).where(jobs.c.id == job_id).values(log=[*log, _note(text)][-_KEPT_NOTES:]))


def dead_ones(most: int, connection: Connection, after: int) -> Sequence[int]:
    """The ids of dead jobs, after one of them; at most so many."""
    these = jobs.c.state == "dead", jobs.c.id > after
    return connection.scalars(select(jobs.c.id).where(*these).order_by(jobs.c.id).limit(most)).all()


def retry(connection: Connection, *job_ids: int) -> list[Entry]:
    """Queue dead jobs again, these or all; returns an entry for the ledger for each."""
    these = (among(jobs.c.id, job_ids),) if job_ids else ()
    which = and_(jobs.c.state == "dead", *these)
    for kind in JOB_KINDS:
        remember_due(connection, kind, now_ms())
    return _apply(connection, update(jobs).where(which).values(state="queued", attempts=0, run_at=now_ms()))


def drop(connection: Connection, job_id: int) -> list[Entry]:
    """Delete a job that is not running; returns an entry for the ledger, or none if there is no such job."""
    return _apply(connection, delete(jobs).where(jobs.c.id == job_id, jobs.c.state != "running"))


def list_jobs(
    connection: Connection, *, done: bool = False, troubled: bool = False, most: int | None = None
) -> list[dict[str, object]]:
    """List the unfinished jobs and their logs, oldest first; with `done` also those that are done.

    With `troubled`, only those that failed, and are dead or wait for another try; at `most` so many.
    """
    states = (*_UNFINISHED, "done") if done else _UNFINISHED
    rows = connection.execute(
        select(jobs, recordings.c.interaction_id, recordings.c.third_party_id)
        .join(recordings, recordings.c.position == jobs.c.position)
        .where(_IS_TROUBLED if troubled else jobs.c.state.in_(states))
        .order_by(jobs.c.id)
        .limit(most)
    )
    return [
        {
            "id": row.id,
            "kind": row.kind,
            "step": row.step,
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


def counts_by_kind(connection: Connection, *, done: bool = False) -> list[dict[str, Any]]:
    """How many unfinished jobs there are of each kind and state; with `done` also those that are done."""
    states = (*_UNFINISHED, "done") if done else _UNFINISHED
    counted = select(jobs.c.kind, jobs.c.state, func.count()).where(jobs.c.state.in_(states))
    rows = connection.execute(counted.group_by(jobs.c.kind, jobs.c.state)).all()
    return [
        {"kind": kind, "state": state, "jobs": count}
        for kind, state, count in sorted(rows, key=lambda row: (row[0], states.index(row[1])))
    ]


def count_troubled(connection: Connection) -> int:
    """How many jobs failed, and are dead or wait for another try."""
    return connection.scalar(select(func.count()).select_from(jobs).where(_IS_TROUBLED)) or 0


def state_of(connection: Connection, job_id: int) -> JobState | None:
    """The state of a job; None if there is none."""
    state: JobState | None = connection.scalar(select(jobs.c.state).where(jobs.c.id == job_id))
    return state


def jobs_of(connection: Connection, interaction_id: int) -> Sequence[int]:
    """The ids of a recording's jobs that are not done."""
    of_it = select(jobs.c.id).join(recordings, recordings.c.position == jobs.c.position)
    these = recordings.c.interaction_id == interaction_id, jobs.c.state.in_(_UNFINISHED)
    return connection.scalars(of_it.where(*these).order_by(jobs.c.id)).all()


_UNFINISHED = ("queued", "running", "dead")
_IS_TROUBLED = or_(jobs.c.state == "dead", and_(jobs.c.state == "queued", jobs.c.attempts > 0))


def _next(connection: Connection, kind: JobKind, now: int) -> Any:
    """Find the row of the job to take, if any. It asks twice, so that each time an index has the order."""
    for state, moment in (("running", jobs.c.leased_until), ("queued", jobs.c.run_at)):
        row = connection.execute(
            select(jobs.c.id, jobs.c.kind, jobs.c.step, jobs.c.position, jobs.c.state, jobs.c.attempts)
            .where(jobs.c.state == state, jobs.c.kind == kind, moment <= now)
            .order_by(moment, jobs.c.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        ).one_or_none()
        if row is not None:
            return row
    return None


def _apply(connection: Connection, change: Update | Delete) -> list[Entry]:
    """Change or delete jobs; returns an entry for the ledger for each."""
    changed: dict[int, int] = dict(connection.execute(change.returning(jobs.c.id, jobs.c.position)).all())
    which = among(recordings.c.position, list(changed.values()))
    found = select(recordings.c.position, recordings.c.interaction_id).where(which)
    ids: dict[int, int] = dict(connection.execute(found).all())
    return [Entry(ids[changed[job_id]], metadata={"jobId": job_id}) for job_id in sorted(changed)]


def _leased_by(worker: str) -> Sequence[ColumnElement[bool]]:
    return jobs.c.state == "running", jobs.c.leased_by == worker


def _is_too_late() -> ColumnElement[bool]:
    soon, late = now_ms() + _CLOCK_TOLERANCE_MS, now_ms() + _LONGEST_WAIT_MS
    waits = or_(jobs.c.run_at > late, and_(jobs.c.run_at > soon, jobs.c.attempts == 0))
    return and_(
        jobs.c.kind.in_(JOB_KINDS),
        or_(
            and_(jobs.c.state == "queued", waits),
            and_(jobs.c.state == "running", jobs.c.leased_until > soon + LEASE_MS),
        ),
    )


def _new(kind: JobKind, step: StepName | None) -> dict[str, Any]:
    now = now_ms()
    return {"kind": kind, "step": step, "state": "queued", "attempts": 0, "queued_at": now, "run_at": now}


def _ended(state: JobState, wait_ms: int = 0) -> dict[str, Any]:
    return {"state": state, "run_at": now_ms() + wait_ms, "leased_by": None, "leased_until": None}


def _change(connection: Connection, job: Job, worker: str, values: dict[str, Any]) -> bool:
    """Change a job that this worker has leased; False if another worker has it by now."""
    this = update(jobs).where(jobs.c.id == job.id, *_leased_by(worker))
    return connection.execute(this.values(values)).rowcount == 1


def _note(text: str) -> dict[str, str]:
    return {"at": format_ms(now_ms()), "text": text}
