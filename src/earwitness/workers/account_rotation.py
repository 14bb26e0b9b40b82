"""Finding the next job: accounts take turns, one job each, so that a thousand jobs of one delay no other."""

import logging
import threading
from collections.abc import Callable, Collection, Iterable
from time import monotonic
from typing import Any

from earwitness.archive.accounts import states
from earwitness.archive.accounts.accounts import Accounts, Archive
from earwitness.archive.accounts.opening.unfit import AccountUnavailable
from earwitness.archive.jobs import account_jobs, accounts_with_work, daily_checks, queue
from earwitness.archive.jobs.kinds import (
    ACCOUNT,
    ATTEST,
    CHECK,
    JOB_KINDS,
    LEDGER,
    REBUILD,
    WORK_KINDS,
    JobKind,
    WorkKind,
)
from earwitness.archive.jobs.queue import Job
from earwitness.archive.upkeep import folding, text_rebuild
from earwitness.archive.upkeep.ledgers import ledger_attestation
from earwitness.archive.upkeep.overview import overview_of
from earwitness.kernel.clock import now_ms
from earwitness.kernel.errors import NotFound
from earwitness.kernel.outages import tell
from earwitness.workers import ledger_turns

log = logging.getLogger(__name__)

POSTPONED_MS = 5_000
"""How long an account is left alone after its jobs could not be read."""

_MARK_KEPT_SECONDS = 2.0
"""How long an account keeps its mark after its last job: while it is marked, each thread looks into it."""

_OVERVIEW_KEPT_MS = 150_000


class AccountRotation:
    """Says whose job is next, for each kind. It opens only accounts that are marked as having work."""

    def __init__(self, accounts: Accounts, worker: str, postponed_ms: int = POSTPONED_MS) -> None:
        self._accounts = accounts
        self.worker = worker
        self._postponed_ms = postponed_ms
        self._lock = threading.Lock()
        self._last: dict[JobKind, int] = dict.fromkeys(JOB_KINDS, 0)
        self._had_job_at: dict[tuple[JobKind, int], float] = {}

    def take(
        self, kind: JobKind, is_stopping: Callable[[], bool], *, keeps_marks: bool = False
    ) -> tuple[Archive, Job] | None:
        """Lease a job; None if none is due. An account with an error does not hold up the others.

        With `keeps_marks`, an account that had a job lately keeps its mark although it has none now: it would
        be set again with the next one.
        """
        in_vain: set[int] = set()
        while not is_stopping() and (client_id := self._next(kind, in_vain)) is not None:
            try:
                archive = self._accounts.open(client_id)
                if job := self._lease(archive, kind):
                    self._had_job_at[kind, client_id] = monotonic()
                    return archive, job
                if keeps_marks and self._had_job_lately(kind, client_id):
                    in_vain.add(client_id)
                else:
                    self._update_mark(archive, kind)
            except NotFound:
                accounts_with_work.clear(self._accounts.directory, client_id, kind)
            except AccountUnavailable:  # the log has it already, from where the account was examined
                self._postpone(client_id, kind)
            except Exception as error:
                tell(log.error, error, "jobs of account %s could not be leased; trying again soon", client_id)
                self._postpone(client_id, kind)
        return None

    def is_due(self, kinds: Iterable[WorkKind] = WORK_KINDS) -> bool:
        """Whether any account is marked as having work of these kinds that is due."""
        directory = self._accounts.directory
        return any(accounts_with_work.next_account(directory, kind, 0) is not None for kind in kinds)

    def look_into(self, client_id: int) -> None:
        """Mark an account if it has work without a mark, and make jobs due that a wrong clock postponed."""
        overview: dict[str, Any] | None = None
        with self._accounts.glance(client_id) as connection:
            has_late_jobs = queue.has_jobs_too_late(connection)
            next_due: dict[WorkKind, int | None] = {
                kind: queue.next_due_at(connection, kind) for kind in JOB_KINDS
            }
            next_due[REBUILD] = text_rebuild.due_at(connection)
            next_due[ACCOUNT] = account_jobs.next_due_at(connection)
            next_due[LEDGER] = ledger_turns.due_at(connection)
            next_due[ATTEST] = ledger_attestation.due_at(connection, self._accounts.settings)
            next_due[CHECK] = daily_checks.due_at(connection)
            if folding.is_left(connection):
                next_due[REBUILD] = now_ms()
            if self._is_overview_old(client_id):
                overview = overview_of(connection)
        if overview is not None:
            states.keep_overviews(self._accounts.directory, {client_id: overview})
        due_at = {kind: at for kind, at in next_due.items() if at is not None}
        accounts_with_work.mark(self._accounts.directory, client_id, due_at)
        while has_late_jobs:
            with self._accounts.open(client_id).write(locked=False) as connection:  # it locks jobs alone
                has_late_jobs = queue.make_late_jobs_due(connection)

    def end_leases_of(self, worker: str) -> None:
        """End the leases of a worker that died, so that its jobs are due."""
        for account in self._accounts.all():
            try:
                self._end_leases_in(account.client_id, worker)
            except AccountUnavailable:
                continue
            except Exception as error:
                message = (
                    "leases of a dead worker in account %s could not be ended; they run out in some seconds"
                )
                tell(log.warning, error, message, account.client_id)

    def _end_leases_in(self, client_id: int, worker: str) -> None:
        with self._accounts.glance(client_id) as connection:
            has_some = (queue, account_jobs, daily_checks)
            has_lease = text_rebuild.has_lease(connection, worker)
            if not has_lease and not any(one.has_leases(connection, worker) for one in has_some):
                return
        with self._accounts.open(client_id).write(locked=False) as connection:  # it locks jobs alone
            queue.end_leases(connection, worker)
            account_jobs.give_back(connection, worker)
            daily_checks.give_back(connection, worker)
            text_rebuild.end_lease(connection, worker)

    def _is_overview_old(self, client_id: int) -> bool:
        """Whether no worker has taken an overview of an account lately: each of them goes round."""
        at = states.looked_at(self._accounts.directory, client_id)
        return at is None or abs(now_ms() - at) > _OVERVIEW_KEPT_MS

    def _lease(self, archive: Archive, kind: JobKind) -> Job | None:
        """Lease a job that is due. If none is, nothing is written, and no writer has to wait."""
        with archive.read() as connection:
            if not queue.is_due(connection, kind):
                return None
        with archive.write(locked=False) as connection:  # it locks its job alone
            return queue.lease(connection, self.worker, kind)

    def _had_job_lately(self, kind: JobKind, client_id: int) -> bool:
        had_job_at = self._had_job_at.get((kind, client_id))
        return had_job_at is not None and monotonic() - had_job_at < _MARK_KEPT_SECONDS

    def _next(self, kind: JobKind, in_vain: Collection[int]) -> int | None:
        """The next account. What other threads take of it meanwhile does not end the search of this one."""
        with self._lock:
            last = self._last[kind]
            found = accounts_with_work.next_account(self._accounts.directory, kind, last, but=in_vain)
            self._last[kind] = found or 0
            return found

    def _update_mark(self, archive: Archive, kind: JobKind) -> None:
        """Mark when the next job of an account is due, or remove its mark if it has no job left."""
        directory = self._accounts.directory
        accounts_with_work.clear(directory, archive.client_id, kind)
        with archive.read() as connection:
            due_at = queue.next_due_at(connection, kind)
        if due_at is not None:
            accounts_with_work.mark(directory, archive.client_id, {kind: due_at})

    def _postpone(self, client_id: int, kind: JobKind) -> None:
        directory = self._accounts.directory
        accounts_with_work.clear(directory, client_id, kind)
        accounts_with_work.mark(directory, client_id, {kind: now_ms() + self._postponed_ms})
