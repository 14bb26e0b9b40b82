"""Background work: queued in the transaction that needs it, leased by one worker at a time.

A worker renews its lease while it works; a lease that ran out is taken up by the next worker. What
fails is tried again, later each time, and is `dead` after the last try, with the reason.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

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

from earwitness.archive.database.in_list import among
from earwitness.archive.ledger.ledger import Entry
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.schema.work import jobs
from earwitness.kernel.clock import format_ms, now_ms

State = Literal["queued", "running", "done", "dead"]
Kind = Literal["process", "transcribe", "index"]
"""What is quick, what may take as long as the call did, and what may be very many at once."""
KINDS: Sequence[Kind] = get_args(Kind)

StepName = Literal["measure", "retain", "transcribe", "index"]
"""A part of the work that can be done alone."""

LEASE_MS = 8_000
MOST_ATTEMPTS = 7
_FIRST_WAIT_MS = 2_000
_WAIT_GROWS = 4
_LONGEST_WAIT_MS = 3_600_000
_CLOCKS_APART_MS = 60_000
_KEPT_NOTES = 20
_DUE = "earwitness_due"


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work on one recording: all steps of its kind, or the one that it names."""

    id: int
    kind: Kind
    position: int
    attempts: int
    step: StepName | None = None


def queue(
    connection: Connection, kind: Kind, position: int, *notes: str, step: StepName | None = None
) -> None:
    """Queue work on a recording; `notes` begin its log."""
    values = _new(kind, step) | {"position": position, "log": [_note(note) for note in notes]}
    connection.execute(insert(jobs).values(values))
    will_be_due(connection, kind, values["run_at"])


def queue_for_all(
    connection: Connection, kind: Kind, which: Sequence[ColumnElement[bool]], *, step: StepName | None = None
) -> Sequence[int]:
    """Queue the same work on recordings of some conditions, where it does not wait yet; answers positions."""
    new = _new(kind, step) | {"log": []}
    waiting = select(jobs.c.id).where(
        jobs.c.position == recordings.c.position,
        jobs.c.state.in_(("queued", "running")),
        jobs.c.kind == kind,
        jobs.c.step.is_not_distinct_from(step),
    )
    columns = [literal(value, jobs.c[name].type) for name, value in new.items()]
    will_be_due(connection, kind, new["run_at"])
    wanted = select(recordings.c.position, *columns).where(*which, ~waiting.exists())
    queued = insert(jobs).from_select(["position", *new], wanted).returning(jobs.c.position)
    return connection.scalars(queued).all()


def lease(connection: Connection, worker: str, kind: Kind) -> Job | None:
    """Take the oldest job of a kind that is due, or one whose worker let its lease run out."""
    now = now_ms()
    while (row := _next(connection, kind, now)) is not None:
        if row.state == "running" and row.attempts >= MOST_ATTEMPTS:
            note(connection, row.id, f"Its worker died {row.attempts} times.")
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


def next_due_at(connection: Connection, kind: Kind) -> int | None:
    """When there will be something to lease, if nobody does what is running; None if nothing is left."""
    moments = (
        connection.scalar(select(func.min(column)).where(jobs.c.state == state, jobs.c.kind == kind))
        for state, column in (("queued", jobs.c.run_at), ("running", jobs.c.leased_until))
    )
    return min((moment for moment in moments if moment is not None), default=None)


def renew(connection: Connection, job: Job, worker: str) -> bool:
    """Lengthen a lease; False when it is another's by now."""
    return _change(connection, job, worker, {"leased_until": now_ms() + LEASE_MS})


def has_leases(connection: Connection, worker: str) -> bool:
    """Whether a worker has a job that it has not ended."""
    return connection.scalar(select(jobs.c.id).where(*_leased_by(worker)).limit(1)) is not None


def end_leases(connection: Connection, worker: str) -> None:
    """Let the leases of a worker that died run out now."""
    ended = update(jobs).where(*_leased_by(worker)).values(leased_until=now_ms())
    for kind in connection.scalars(ended.returning(jobs.c.kind)):
        will_be_due(connection, kind, now_ms())


def wait_too_long(connection: Connection) -> bool:
    """Whether jobs wait for a moment that is too far away: a clock was wrong when it was set."""
    return connection.scalar(select(jobs.c.id).where(_too_far_away()).limit(1)) is not None


def wait_no_longer(connection: Connection) -> None:
    """Let such jobs be due now."""
    now = now_ms()
    due = update(jobs).where(_too_far_away()).values(run_at=now, leased_until=now).returning(jobs.c.kind)
    for kind in connection.scalars(due):
        will_be_due(connection, kind, now)


def finish(connection: Connection, job: Job, worker: str) -> bool:
    """Mark a job as done, in the transaction of its work; False when the lease is another's by now."""
    return _change(connection, job, worker, _ended("done"))


def release(connection: Connection, job: Job, worker: str) -> None:
    """Give a job back that was begun and not done: it is due at once, and this was no try."""
    _change(connection, job, worker, _ended("queued") | {"attempts": job.attempts - 1})
    will_be_due(connection, job.kind, now_ms())


def fail(connection: Connection, job: Job, worker: str, reason: str, *, for_good: bool = False) -> None:
    """Queue a job for another try, later each time; after the last, or `for_good`, it is dead.

    It keeps the reason.
    """
    if for_good or job.attempts >= MOST_ATTEMPTS:
        values = _ended("dead")
    else:
        # What failed together, because a disk was full, is not tried again all at once.
        scattered = random.uniform(0.75, 1.25)  # noqa: S311
        values = _ended("queued", int(_FIRST_WAIT_MS * _WAIT_GROWS ** (job.attempts - 1) * scattered))
        will_be_due(connection, job.kind, values["run_at"])
    if _change(connection, job, worker, values):
        note(connection, job.id, reason)


def will_be_due(connection: Connection, kind: Kind, at: int) -> None:
    """Note that this transaction queues a job; the account is marked once it has committed."""
    due_at = connection.info.setdefault(_DUE, {})
    due_at[kind] = min(at, due_at.get(kind, at))


def take_due(connection: Connection) -> dict[Kind, int]:
    """What was noted on a connection, by kind when the first job is due; it is forgotten by this."""
    due_at: dict[Kind, int] = connection.info.pop(_DUE, {})
    return due_at


def note(connection: Connection, job_id: int, text: str) -> None:
    """Add a line to a job's log."""
    log = connection.scalar(select(jobs.c.log).where(jobs.c.id == job_id)) or []
    connection.execute(update(jobs).where(jobs.c.id == job_id).values(log=[*log, _note(text)][-_KEPT_NOTES:]))


def retry(connection: Connection, job_id: int | None = None) -> list[Entry]:
    """Queue dead jobs anew, all or one; answers what the ledger is to say of each."""
    which = jobs.c.state == "dead" if job_id is None else and_(jobs.c.state == "dead", jobs.c.id == job_id)
    for kind in KINDS:
        will_be_due(connection, kind, now_ms())
    return _told(connection, update(jobs).where(which).values(state="queued", attempts=0, run_at=now_ms()))


def drop(connection: Connection, job_id: int) -> list[Entry]:
    """Remove a job that is not running; answers what the ledger is to say of it, nothing if there is none."""
    return _told(connection, delete(jobs).where(jobs.c.id == job_id, jobs.c.state != "running"))


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


def _next(connection: Connection, kind: Kind, now: int) -> Any:
    """The row of a job to take. Two questions, each answered in the order of an index."""
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


def _told(connection: Connection, change: Update | Delete) -> list[Entry]:
    """Change jobs; answers what the ledger is to say of it."""
    changed: dict[int, int] = dict(connection.execute(change.returning(jobs.c.id, jobs.c.position)).all())
    whose = among(recordings.c.position, list(changed.values()))
    found = select(recordings.c.position, recordings.c.interaction_id).where(whose)
    ids: dict[int, int] = dict(connection.execute(found).all())
    return [Entry(ids[changed[job_id]], metadata={"jobId": job_id}) for job_id in sorted(changed)]


def _leased_by(worker: str) -> Sequence[ColumnElement[bool]]:
    return jobs.c.state == "running", jobs.c.leased_by == worker


def _too_far_away() -> ColumnElement[bool]:
    soon, late = now_ms() + _CLOCKS_APART_MS, now_ms() + _LONGEST_WAIT_MS
    waits = or_(jobs.c.run_at > late, and_(jobs.c.run_at > soon, jobs.c.attempts == 0))
    return and_(
        jobs.c.kind.in_(KINDS),
        or_(
            and_(jobs.c.state == "queued", waits),
            and_(jobs.c.state == "running", jobs.c.leased_until > soon + LEASE_MS),
        ),
    )


def _new(kind: Kind, step: StepName | None) -> dict[str, Any]:
    now = now_ms()
    return {"kind": kind, "step": step, "state": "queued", "attempts": 0, "queued_at": now, "run_at": now}


def _ended(state: State, wait_ms: int = 0) -> dict[str, Any]:
    return {"state": state, "run_at": now_ms() + wait_ms, "leased_by": None, "leased_until": None}


def _change(connection: Connection, job: Job, worker: str, values: dict[str, Any]) -> bool:
    """Change a job that this worker has the lease of; False when it is another's by now."""
    this = update(jobs).where(jobs.c.id == job.id, *_leased_by(worker))
    return connection.execute(this.values(values)).rowcount == 1


def _note(text: str) -> dict[str, str]:
    return {"at": format_ms(now_ms()), "text": text}
