"""Work on whole accounts: accounts take turns, a batch each, and one worker at a time has an account."""

import logging
from typing import Protocol

from sqlalchemy import Connection

from earwitness.archive.accounts.accounts import Accounts, Archive
from earwitness.archive.accounts.opening.unfit import AccountUnavailable
from earwitness.archive.jobs import accounts_with_work
from earwitness.archive.jobs.kinds import WorkKind
from earwitness.kernel.clock import now_ms
from earwitness.kernel.errors import NotFound
from earwitness.kernel.outages import tell

log = logging.getLogger(__name__)

_POSTPONED_MS = 5_000
_LOOK_AGAIN_MS = 1_000


class WorkInTurns(Protocol):
    """Work of one kind, such as the rebuild of a text index."""

    kind: WorkKind
    name: str
    """What the log calls it."""

    def go_on(self, archive: Archive, worker: str) -> int | None:
        """Do one batch. Returns when there is more to do; None if nothing is left."""

    def due_at(self, connection: Connection) -> int | None:
        """When there is something to do; None if nothing is left."""

    def left_until(self, connection: Connection, worker: str) -> int | None:
        """Until when another worker has the lease; None if it is free, or this worker has it."""

    def give_back(self, archive: Archive, worker: str) -> None:
        """Give the lease back, so that another worker need not wait until it runs out."""


class AccountTurns:
    """This worker's share in the work of one kind on all accounts."""

    def __init__(self, accounts: Accounts, worker: str, work: WorkInTurns) -> None:
        self._accounts = accounts
        self._worker = worker
        self._work = work
        self._last = 0
        self._begun: set[int] = set()
        self._left_until: dict[int, int] = {}
        """Accounts that another worker has, and until when they are not looked at again."""

    def go_on(self) -> bool:
        """Do a batch of the next account; False if nothing is due, or other workers have it."""
        seen: set[int] = set()
        while (client_id := self._next()) is not None and client_id not in seen:
            seen.add(client_id)
            self._last = client_id
            if self._left_until.get(client_id, 0) <= now_ms() and self._do_turn(client_id):
                return True
        return False

    def give_back(self) -> None:
        """Leave what this worker began to others."""
        for client_id in self._begun:
            try:
                self._work.give_back(self._accounts.open(client_id), self._worker)
            except Exception as error:
                log.warning(
                    "the %s of account %s is not given back; its lease runs out in some seconds: %s",
                    self._work.name,
                    client_id,
                    type(error).__name__,
                )
        self._begun.clear()

    def _next(self) -> int | None:
        return accounts_with_work.next_account(self._accounts.directory, self._work.kind, self._last)

    def _do_turn(self, client_id: int) -> bool:
        """Do an account's turn; False if another worker has it. Then that worker looks after the mark too."""
        try:
            next_at = self._go_on(client_id)
            if next_at is not None and next_at <= now_ms():
                return True
            if self._is_left(client_id):
                return False
            self._clear(client_id)
            next_at = self._due_at(client_id)  # after the mark was removed: something may be new
        except NotFound:
            self._clear(client_id)
            return True
        except AccountUnavailable:
            next_at = self._postpone(client_id)
        except Exception as error:
            tell(
                log.error,
                error,
                "the %s of account %s failed; trying again in 5 seconds",
                self._work.name,
                client_id,
            )
            next_at = self._postpone(client_id)
        if next_at is not None:
            accounts_with_work.mark(self._accounts.directory, client_id, {self._work.kind: next_at})
        return True

    def _postpone(self, client_id: int) -> int:
        self._clear(client_id)
        return now_ms() + _POSTPONED_MS

    def _clear(self, client_id: int) -> None:
        accounts_with_work.clear(self._accounts.directory, client_id, self._work.kind)

    def _due_at(self, client_id: int) -> int | None:
        with self._accounts.open(client_id).read() as connection:
            return self._work.due_at(connection)

    def _is_left(self, client_id: int) -> bool:
        with self._accounts.open(client_id).read() as connection:
            until = self._work.left_until(connection, self._worker)
        # Not until the lease runs out: a worker that stops gives it back, and that of a dead one is ended.
        self._left_until[client_id] = min(until or 0, now_ms() + _LOOK_AGAIN_MS)
        return until is not None

    def _go_on(self, client_id: int) -> int | None:
        archive = self._accounts.open(client_id)
        self._begun.add(client_id)
        next_at = self._work.go_on(archive, self._worker)
        if next_at is None:
            self._begun.discard(client_id)
        return next_at
