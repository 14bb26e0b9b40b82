"""Does the jobs of an account: a batch at a time, each in a short write of its own.

What a batch writes is looked for in a read, while others may write. The write then checks it again, and takes
about 30 ms, so that no other writer of the account waits much longer for it. After a crash a job goes on with
its next batch.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic, thread_time
from typing import Any, Generic, get_args

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.database.errors import is_locked, is_outage
from earwitness.archive.jobs import account_jobs, position_lists
from earwitness.archive.jobs.account_job_kinds import AccountJobKind
from earwitness.archive.jobs.account_jobs import AccountJob, Found, Which
from earwitness.archive.people import owned_endpoints
from earwitness.archive.recordings import retention_changes, retention_groups
from earwitness.archive.selections import work
from earwitness.archive.text import reindexing
from earwitness.kernel.clock import now_ms
from earwitness.kernel.errors import Problem
from earwitness.kernel.outages import tell

log = logging.getLogger(__name__)

_HELD_SECONDS = 0.03
_FIRST, _FEWEST, _MOST = 200, 100, 10_000
_TRY_AGAIN_MS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountWorkRow(Generic[Which]):
    """What a kind of job does: `find` in a read, for at most so many recordings, then `write`."""

    find: Callable[[Connection, AccountJob, int], Found[Which]]
    write: Callable[[Connection, AccountJob, Which], None]


ACCOUNT_WORK: Mapping[AccountJobKind, AccountWorkRow[Any]] = {
    "retention": AccountWorkRow(find=retention_changes.find, write=retention_changes.write),
    "selection": AccountWorkRow(find=work.find_selected, write=work.change_selected),
    "emptying": AccountWorkRow(find=work.find_members, write=work.remove_members),
    "leaving": AccountWorkRow(find=retention_groups.find, write=retention_groups.write),
    "index": AccountWorkRow(find=reindexing.find, write=reindexing.write),
    "folding": AccountWorkRow(find=owned_endpoints.find, write=owned_endpoints.write),
}

if set(ACCOUNT_WORK) != set(get_args(AccountJobKind)):
    raise TypeError("ACCOUNT_WORK needs one row for each name in AccountJobKind.")


@dataclass(slots=True)
class Pace:
    """How many recordings are written at once: about as many as take 30 ms, with their commit.

    What one costs depends on what the job does with it, and on the account. So each job begins with few, and
    learns from its last batch: on SQLite from the processor time of this thread, which other processes of a
    busy machine do not change.
    """

    first: Mapping[AccountJobKind, int] = field(default_factory=dict)
    """How many are in the first batch of a job, by its kind."""
    _learned: dict[tuple[int, AccountJobKind], tuple[int, int]] = field(default_factory=dict)
    """For each account and kind the job that is at work, and how many are in its next batch."""

    def size(self, client_id: int, job: AccountJob) -> int:
        job_id, size = self._learned.get((client_id, job.kind), (0, 0))
        return size if job_id == job.id else self.first.get(job.kind, _FIRST)

    def learn(self, client_id: int, job: AccountJob, written: int, seconds: float) -> None:
        """Learn from the last batch: how much it was, and how long others had to wait for it."""
        last = self.size(client_id, job)
        fits = int(written * _HELD_SECONDS / max(seconds, 0.001))
        nearby = min(max(fits, last // 2), last * 2)
        self._learned[client_id, job.kind] = job.id, min(max(nearby, _FEWEST), _MOST)


def go_on(
    archive: Archive,
    worker: str,
    pace: Pace,
    work: Mapping[AccountJobKind, AccountWorkRow[Any]] = ACCOUNT_WORK,
) -> int | None:
    """Do one batch of the account's jobs. Returns when there is more to do; None if nothing is left."""
    with archive.read() as connection:
        job = account_jobs.take(connection, worker)
    if job is None:
        return _sweep(archive, worker)
    try:
        with archive.read() as connection:
            found = work[job.kind].find(connection, job, pace.size(archive.client_id, job))
        with archive.write() as connection:
            clock = thread_time if connection.dialect.name == "sqlite" else monotonic
            began = clock()
            if not account_jobs.renew(connection, job, worker):
                return now_ms()
            if found.positions:
                work[job.kind].write(connection, job, found.positions)
            account_jobs.note_batch(connection, job, found.cursor, found.count, is_last=found.is_last)
        seconds = clock() - began
    except Exception as error:
        if isinstance(error, DBAPIError) and is_locked(error):
            return now_ms() + _TRY_AGAIN_MS
        if isinstance(error, DBAPIError) and is_outage(error):
            raise
        _fail(archive, job, error)
        return now_ms()
    if found.positions:
        pace.learn(archive.client_id, job, len(found.positions), seconds)
    return now_ms()


def give_back(archive: Archive, worker: str) -> None:
    """Give the leases of a worker back, so that another one need not wait until they run out."""
    with archive.write(locked=False) as connection:  # it writes its own leases alone
        account_jobs.give_back(connection, worker)


def _sweep(archive: Archive, worker: str) -> int | None:
    """Remove what belongs to jobs that were never queued. Returns when there is more to do."""
    with archive.read() as connection:
        due_at = account_jobs.next_due_at(connection, worker)
    if due_at is None or due_at > now_ms():
        return due_at
    with archive.write(locked=False) as connection:  # nobody else writes the rows of such a job
        position_lists.sweep(connection)
    return now_ms()


def _fail(archive: Archive, job: AccountJob, error: Exception) -> None:
    """Note that a batch failed. What it wrote is rolled back, and what earlier ones wrote stays."""
    what = f"job {job.id} ({job.kind}) of account {archive.client_id}"
    # The message of an error may quote what was said in a recording; a problem's detail never does.
    reason = error.detail if isinstance(error, Problem) else f"Its batch failed: {type(error).__name__}."
    with archive.write(locked=False) as connection:  # it writes the row of the job alone
        state = account_jobs.fail(connection, job, reason)
    if state == "failed":
        tell(log.error, error, "%s failed for good; `earwitness jobs retry` tries it again", what)
    else:
        log.warning("%s failed and is tried again: %s", what, type(error).__name__)
