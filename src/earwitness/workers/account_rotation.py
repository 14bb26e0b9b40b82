"""Finding work: the accounts that have some take turns, one job each; a thousand of one hold up no other."""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

from earwitness.archive.accounts import states
from earwitness.archive.accounts.accounts import Accounts, Archive
from earwitness.archive.accounts.opening.unfit import AccountUnavailable
from earwitness.archive.jobs import accounts_with_work, queue
from earwitness.archive.jobs.accounts_with_work import Kind as MarkedKind
from earwitness.archive.jobs.queue import KINDS, Job, Kind
from earwitness.archive.upkeep import text_rebuild
from earwitness.archive.upkeep.overview import overview_of
from earwitness.kernel.clock import now_ms
from earwitness.kernel.errors import NotFound
from earwitness.kernel.outages import tell

log = logging.getLogger(__name__)

_POSTPONED_MS = 5_000
_OVERVIEW_KEPT_MS = 150_000


class AccountRotation:
    """Whose job is next, by kind. Only accounts that are marked as having work are opened."""

    def __init__(self, accounts: Accounts, worker: str) -> None:
        self._accounts = accounts
        self.worker = worker
        self._lock = threading.Lock()
        self._last: dict[Kind, int] = dict.fromkeys(KINDS, 0)

    def take(self, kind: Kind, is_stopping: Callable[[], bool]) -> tuple[Archive, Job] | None:
        """Lease a job; None when nothing is due. What is wrong with one account holds up no other."""
        while not is_stopping() and (client_id := self._next(kind)) is not None:
            try:
                archive = self._accounts.open(client_id)
                with archive.write(locked=False) as connection:  # a job is locked by itself
                    job = queue.lease(connection, self.worker, kind)
                if job is not None:
                    return archive, job
                self._settle(archive, kind)
            except NotFound:
                accounts_with_work.clear(self._accounts.directory, client_id, kind)
            except AccountUnavailable:  # of which is said elsewhere that it began, and that it ended
                self._postpone(client_id, kind)
            except Exception as error:
                tell(log.error, error, "jobs of account %s cannot be read", client_id)
                self._postpone(client_id, kind)
        return None

    def is_due(self) -> bool:
        """Whether anything is due anywhere, as far as is marked."""
        directory = self._accounts.directory
        kinds: Sequence[MarkedKind] = (*KINDS, "rebuild")
        return any(accounts_with_work.next_with_work(directory, kind, 0) is not None for kind in kinds)

    def look_into(self, client_id: int) -> None:
        """Mark the work of an account that nobody may have marked, and set right what a wrong clock said."""
        seen: dict[str, Any] | None = None
        with self._accounts.glance(client_id) as connection:
            is_wrong = queue.wait_too_long(connection)
            due_at: dict[MarkedKind, int | None] = {
                kind: queue.next_due_at(connection, kind) for kind in KINDS
            }
            due_at["rebuild"] = text_rebuild.due_at(connection)
            if self._is_stale(client_id):
                seen = overview_of(connection)
        if seen is not None:
            states.keep_overviews(self._accounts.directory, {client_id: seen})
        missing = {kind: at for kind, at in due_at.items() if at is not None}
        accounts_with_work.mark(self._accounts.directory, client_id, missing)
        if is_wrong:
            with self._accounts.open(client_id).write(locked=False) as connection:
                queue.wait_no_longer(connection)

    def inherit(self, worker: str) -> None:
        """End the leases of a worker that died, so that its jobs are due."""
        for account in self._accounts.all():
            try:
                self._inherit_in(account.client_id, worker)
            except AccountUnavailable:
                continue
            except Exception as error:  # there they have to run out
                tell(log.warning, error, "leases of account %s cannot be ended", account.client_id)

    def _inherit_in(self, client_id: int, worker: str) -> None:
        with self._accounts.glance(client_id) as connection:
            if not queue.has_leases(connection, worker):
                return
        with self._accounts.open(client_id).write(locked=False) as connection:
            queue.end_leases(connection, worker)

    def _is_stale(self, client_id: int) -> bool:
        """Whether no worker took an overview of an account lately: several go round."""
        at = states.looked_at(self._accounts.directory, client_id)
        return at is None or abs(now_ms() - at) > _OVERVIEW_KEPT_MS

    def _next(self, kind: Kind) -> int | None:
        with self._lock:
            found = accounts_with_work.next_with_work(self._accounts.directory, kind, self._last[kind])
            self._last[kind] = found or 0
            return found

    def _settle(self, archive: Archive, kind: Kind) -> None:
        """Nothing is due in an account: mark when something will be, if anything is left."""
        directory = self._accounts.directory
        accounts_with_work.clear(directory, archive.client_id, kind)
        with archive.read() as connection:
            due_at = queue.next_due_at(connection, kind)
        if due_at is not None:
            accounts_with_work.mark(directory, archive.client_id, {kind: due_at})

    def _postpone(self, client_id: int, kind: Kind) -> None:
        directory = self._accounts.directory
        accounts_with_work.clear(directory, client_id, kind)
        accounts_with_work.mark(directory, client_id, {kind: now_ms() + _POSTPONED_MS})
