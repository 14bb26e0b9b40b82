"""Jobs of an account: work on so many recordings that it is done in batches, each a short write of its own.

A job is ordered in the transaction of the change that needs it. Jobs of one kind are done in the order in
which they were ordered. A job that failed for good still counts as pending: what it should have done is not
done, so nothing may be destroyed until somebody tries it again.
"""

from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, and_, func, insert, or_, select, update

from earwitness.archive.access.viewer import Viewer
from earwitness.archive.jobs.account_job_kinds import ACCOUNT_JOB_KINDS, AccountJobKind
from earwitness.archive.jobs.kinds import ACCOUNT
from earwitness.archive.jobs.queue import MOST_ATTEMPTS, remember_due, wait_ms
from earwitness.archive.ledger import ledger
from earwitness.archive.schema.work import account_jobs
from earwitness.kernel.clock import format_ms, now_ms
from earwitness.kernel.errors import Conflict

AccountJobState = Literal["queued", "running", "done", "failed"]

PREPARING = "preparing"
"""The state of a job whose list of recordings is still being stored. It is not shown to anybody."""

ACCOUNT_LEASE_MS = 3_000
"""How long a worker has an account after each batch of its jobs: longer than it rests between two. If its
machine dies, others wait that long. If it comes back later, it writes nothing twice: a batch is written only
if no other was written since it was looked for."""

UNFINISHED = ("queued", "running")
_PENDING = (*UNFINISHED, "failed")
_row = account_jobs.c


@dataclass(frozen=True, slots=True)
class AccountJob:
    """One job of an account. `what` has what its kind needs to know, `cursor` where its next batch begins."""

    id: int
    kind: AccountJobKind
    state: AccountJobState
    ordered_by: int | None
    username: str
    ordered_at: int
    what: Mapping[str, Any]
    cursor: Any
    batches: int
    done: int
    total: int
    error: str | None
    audit_header_id: int | None
    attempts: int
    run_at: int
    leased_by: str | None
    leased_until: int | None

    @property
    def header(self) -> int:
        """The header in the ledger under which the rows of its batches are."""
        if self.audit_header_id is None:
            raise ValueError(f"job {self.id} was ordered without a header in the ledger")
        return self.audit_header_id


@dataclass(frozen=True, slots=True)
class Stretch:
    """Recordings that follow each other: those from one position to another that a job is about."""

    first: int
    last: int
    count: int

    def __len__(self) -> int:
        return self.count


Which = TypeVar("Which", bound=Sized)


@dataclass(frozen=True, slots=True)
class Found(Generic[Which]):
    """What the next batch of a job has to write, as it was found in a read."""

    positions: Which
    """The recordings to write; with none of them, the job only notes how far it has come."""
    cursor: Any
    """Where the batch after this one begins."""
    count: int
    """How many of the job's total this batch is."""
    is_last: bool


_JOBS = select(*(_row[name] for name in AccountJob.__dataclass_fields__))


def order(
    connection: Connection,
    kind: AccountJobKind,
    what: Mapping[str, Any],
    *,
    total: int,
    viewer: Viewer,
    audit_header_id: int | None = None,
    job_id: int | None = None,
) -> int:
    """Queue a job and return its id. `job_id` is that of a job whose list of recordings is stored already.

    Rows that its batches write in the ledger go under `audit_header_id`.
    """
    values = new_row(kind, viewer) | {
        "what": what,
        "total": total,
        "audit_header_id": audit_header_id,
    }
    remember_due(connection, ACCOUNT, values["run_at"])
    if job_id is None:
        added: int = connection.execute(insert(account_jobs).values(values).returning(_row.id)).scalar_one()
        return added
    change_prepared(connection, job_id, values)
    return job_id


def change_prepared(connection: Connection, job_id: int, values: Mapping[str, Any]) -> None:
    """Change a job whose list is being stored. Raises Conflict if that took too long: then it is swept."""
    prepared = (_row.id == job_id, _row.state == PREPARING, _row.leased_until > now_ms())
    if connection.execute(update(account_jobs).where(*prepared).values(values)).rowcount != 1:
        raise Conflict("Storing the list of recordings took too long; order it again.")


def new_row(kind: AccountJobKind, viewer: Viewer) -> dict[str, Any]:
    """The columns of a job that is queued now."""
    now = now_ms()
    return {
        "kind": kind,
        "state": "queued",
        "ordered_by": viewer.user_id,
        "username": viewer.username,
        "ordered_at": now,
        "what": {},
        "batches": 0,
        "done": 0,
        "total": 0,
        "attempts": 0,
        "run_at": now,
        "leased_by": None,
        "leased_until": None,
    }


def pending(connection: Connection, kind: AccountJobKind | None = None) -> int | None:
    """The id of the newest job, of a kind or of any, that is not through; None if there is none.

    While there is one, answers work out what it changes, and nothing of the account may be destroyed.
    """
    of_kind = () if kind is None else (_row.kind == kind,)
    newest: int | None = connection.scalar(
        select(func.max(_row.id)).where(_row.state.in_(_PENDING), *of_kind)
    )
    return newest


PENDING = select(func.max(_row.id)).where(_row.state.in_(_PENDING)).correlate(None).scalar_subquery()
"""The id of the newest job of any kind that is not through, as a column of another statement."""


def get(connection: Connection, job_id: int) -> AccountJob | None:
    """A job by its id."""
    row = connection.execute(_JOBS.where(_row.id == job_id, _row.state != PREPARING)).one_or_none()
    return None if row is None else AccountJob(*row)


def waiting(connection: Connection, kind: AccountJobKind) -> list[AccountJob]:
    """The jobs of a kind that are pending, in the order in which they were ordered."""
    rows = connection.execute(_JOBS.where(_row.state.in_(_PENDING), _row.kind == kind).order_by(_row.id))
    return [AccountJob(*row) for row in rows]


def take(connection: Connection, worker: str) -> AccountJob | None:
    """The job whose turn it is: due, the first of its kind, and without the lease of another worker.

    The lease is taken with the first batch, in its transaction.
    """
    now = now_ms()
    return next((job for job in _firsts(connection) if _due_at(job, worker) <= now), None)


def next_due_at(connection: Connection, worker: str = "") -> int | None:
    """When there is something to do; None if nothing is left."""
    ready = [_due_at(job, worker) for job in _firsts(connection)]
    swept_at = connection.scalar(select(func.min(_row.leased_until)).where(_row.state == PREPARING))
    return min(ready if swept_at is None else [*ready, swept_at], default=None)


def left_until(connection: Connection, worker: str) -> int | None:
    """Until when another worker has the lease of the account's jobs; None if none has."""
    others = and_(_row.leased_by.is_not(None), _row.leased_by != worker, _row.leased_until > now_ms())
    latest = select(func.max(_row.leased_until)).where(_row.state == "running", others)
    until: int | None = connection.scalar(latest)
    return until


def renew(connection: Connection, job: AccountJob, worker: str) -> bool:
    """Take or lengthen the lease for the next batch; False if another worker wrote one meanwhile.

    It forgets why the last batch failed. What a batch had to leave out stays told.
    """
    free = or_(_row.leased_by.is_(None), _row.leased_by == worker, _row.leased_until <= now_ms())
    this = (_row.id == job.id, _row.batches == job.batches, _row.state.in_(UNFINISHED))
    lease: dict[str, Any] = {
        "state": "running",
        "leased_by": worker,
        "leased_until": now_ms() + ACCOUNT_LEASE_MS,
    }
    if job.attempts:
        lease["error"] = None
    return connection.execute(update(account_jobs).where(free, *this).values(lease)).rowcount == 1


def note_batch(connection: Connection, job: AccountJob, cursor: Any, count: int, *, is_last: bool) -> None:
    """Note a batch, in its transaction: how much was done, and where the next one begins."""
    done = job.done + count
    values: dict[str, Any] = {"cursor": cursor, "batches": job.batches + 1, "done": done, "attempts": 0}
    if is_last:
        values |= {"state": "done", "ended_at": now_ms(), "total": done} | _NOT_LEASED
    connection.execute(update(account_jobs).where(_row.id == job.id).values(values))
    if is_last and job.audit_header_id is not None:
        _end_batches(connection, job.audit_header_id)


def _end_batches(connection: Connection, header: int) -> None:
    """End what is done under a header in the ledger, unless another job of the same call is not through."""
    others = select(_row.id).where(_row.audit_header_id == header, _row.state != "done").limit(1)
    if connection.scalar(others) is None:
        ledger.end_batches(connection, header)


def remark(connection: Connection, job: AccountJob, what: Mapping[str, Any], text: str) -> None:
    """Tell with a job what it could not do, and change what it needs to know."""
    connection.execute(update(account_jobs).where(_row.id == job.id).values(what=what, error=text))


def stretch_of(connection: Connection, positions: Select[int], most: int) -> Stretch:
    """The stretch of the first positions that a query finds, at most so many."""
    some = positions.order_by(positions.selected_columns[0]).limit(most).subquery()
    position = some.c[0]
    row = connection.execute(select(func.min(position), func.max(position), func.count())).one()
    return Stretch(row[0] or 0, row[1] or 0, row[2])


def fail(connection: Connection, job: AccountJob, reason: str) -> AccountJobState:
    """Try a job again later; after the last try it has failed, and says why. Returns its new state."""
    attempts = job.attempts + 1
    values: dict[str, Any] = {"attempts": attempts, "error": reason} | _NOT_LEASED
    if attempts >= MOST_ATTEMPTS:
        state: AccountJobState = "failed"
        values |= {"state": state, "ended_at": now_ms()}
    else:
        state = "queued"
        values |= {"state": state, "run_at": now_ms() + wait_ms(attempts)}
    this = update(account_jobs).where(_row.id == job.id, _row.batches == job.batches)
    connection.execute(this.where(_row.state.in_(UNFINISHED)).values(values))
    return state


def retry(connection: Connection, job_id: int | None = None) -> Sequence[int]:
    """Queue the jobs again that failed, or one of them; each goes on where it failed. Returns their ids."""
    values = {"state": "queued", "attempts": 0, "run_at": now_ms(), "ended_at": None, "error": None}
    remember_due(connection, ACCOUNT, now_ms())
    this = () if job_id is None else (_row.id == job_id,)
    again = update(account_jobs).where(_row.state == "failed", *this).values(values)
    return connection.scalars(again.returning(_row.id)).all()


def has_leases(connection: Connection, worker: str) -> bool:
    """Whether a worker has leased jobs of the account that it has not ended."""
    return connection.scalar(select(_row.id).where(*_leased_by(worker)).limit(1)) is not None


def give_back(connection: Connection, worker: str) -> None:
    """End the leases of a worker that stops or died, so that another need not wait until they run out."""
    ended = update(account_jobs).where(*_leased_by(worker)).values(_NOT_LEASED).returning(_row.id)
    if connection.scalars(ended).all():
        remember_due(connection, ACCOUNT, now_ms())


def counts(connection: Connection) -> dict[str, int]:
    """How many jobs of the account are queued, running and failed."""
    rows = connection.execute(
        select(_row.state, func.count()).where(_row.state.in_(_PENDING)).group_by(_row.state)
    )
    found = {row[0]: row[1] for row in rows}
    return {state: found.get(state, 0) for state in _PENDING}


def listed(connection: Connection, *, done: bool = False) -> list[dict[str, object]]:
    """List jobs as `queue.list_jobs` does. Their number is `accountJob`; `id` counts jobs of recordings."""
    states = (*_PENDING, *(("done",) if done else ()))
    rows = connection.execute(_JOBS.where(_row.state.in_(states)).order_by(_row.id))
    return [_listed(AccountJob(*row)) for row in rows]


def _listed(job: AccountJob) -> dict[str, object]:
    progress = f"{job.done} of {job.total}, ordered by {job.username}."
    text = f"{progress} {job.error}" if job.error else progress
    return {
        **dict.fromkeys(("id", "step", "interactionId", "thirdPartyId")),
        "accountJob": job.id,
        "kind": job.kind,
        "state": job.state,
        "attempts": job.attempts,
        "queuedAt": format_ms(job.ordered_at),
        "runAt": format_ms(job.run_at),
        "log": [{"at": format_ms(now_ms()), "text": text}],
    }


_NOT_LEASED: dict[str, Any] = {"leased_by": None, "leased_until": None}


def _firsts(connection: Connection) -> list[AccountJob]:
    """The first unfinished job of each kind, unless one that failed holds it up."""
    firsts: dict[AccountJobKind, AccountJob] = {}
    for row in connection.execute(_JOBS.where(_row.state.in_(_PENDING)).order_by(_row.id)):
        job = AccountJob(*row)
        if job.state != "failed" or ACCOUNT_JOB_KINDS[job.kind].keeps_order:
            firsts.setdefault(job.kind, job)
    return [job for job in firsts.values() if job.state != "failed"]


def _due_at(job: AccountJob, worker: str) -> int:
    leased = 0 if job.leased_by in (None, worker) else job.leased_until or 0
    return max(job.run_at, leased)


def _leased_by(worker: str) -> Sequence[ColumnElement[bool]]:
    return _row.state == "running", _row.leased_by == worker
