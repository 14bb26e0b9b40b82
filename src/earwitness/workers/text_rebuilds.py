"""Rebuilding text indexes, and folding names: accounts take turns, a batch each.

One worker at a time rebuilds the text index of an account. Each turn folds a batch of names, too.
"""

import logging

from earwitness.archive.accounts.accounts import Accounts
from earwitness.archive.accounts.opening.unfit import AccountUnavailable
from earwitness.archive.jobs import accounts_with_work
from earwitness.archive.jobs.kinds import REBUILD, WorkKind
from earwitness.archive.upkeep import folding, text_rebuild
from earwitness.archive.upkeep.text_rebuild import AT_ONCE, Pace
from earwitness.kernel.clock import now_ms
from earwitness.kernel.errors import NotFound
from earwitness.kernel.outages import tell

log = logging.getLogger(__name__)

_POSTPONED_MS = 5_000


class TextRebuilds:
    """This worker's share in the rebuilds of all accounts."""

    def __init__(self, accounts: Accounts, worker: str, at_once: int = AT_ONCE) -> None:
        self._accounts = accounts
        self._worker = worker
        self._pace = Pace(at_once)
        self._last = 0
        self._begun: set[int] = set()
        self._left_until: dict[int, int] = {}
        """Accounts that another worker has, and until when its lease runs."""

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
        """Leave the rebuilds that this worker began to others."""
        for client_id in self._begun:
            try:
                text_rebuild.give_back(self._accounts.open(client_id), self._worker)
            except Exception as error:
                log.warning(
                    "the text rebuild of account %s is not given back; its lease runs out in 8 seconds: %s",
                    client_id,
                    type(error).__name__,
                )
        self._begun.clear()

    def _next(self) -> int | None:
        return accounts_with_work.next_account(self._accounts.directory, REBUILD, self._last)

    def _do_turn(self, client_id: int) -> bool:
        """Do an account's turn; False if another worker has it. Then that worker looks after the mark too."""
        try:
            next_at = self._go_on(client_id)
            is_due = next_at is not None and next_at <= now_ms()
            if not is_due and self._is_left(client_id):
                return False
        except NotFound:
            next_at = None
        except AccountUnavailable:
            next_at = now_ms() + _POSTPONED_MS
        except Exception as error:
            tell(
                log.error,
                error,
                "the text rebuild of account %s failed; trying again in 5 seconds",
                client_id,
            )
            next_at = now_ms() + _POSTPONED_MS
        if next_at is None or next_at > now_ms():
            directory = self._accounts.directory
            accounts_with_work.clear(directory, client_id, REBUILD)
            if next_at is not None:
                due_at: dict[WorkKind, int] = {REBUILD: next_at}
                accounts_with_work.mark(directory, client_id, due_at)
        return True

    def _is_left(self, client_id: int) -> bool:
        with self._accounts.open(client_id).read() as connection:
            until = text_rebuild.left_until(connection, self._worker)
        self._left_until[client_id] = until or 0
        return until is not None

    def _go_on(self, client_id: int) -> int | None:
        archive = self._accounts.open(client_id)
        is_folding = folding.go_on(archive)
        has_begun = client_id in self._begun
        self._begun.add(client_id)
        next_at = text_rebuild.go_on(archive, self._worker, self._pace)
        if next_at is None:
            self._begun.discard(client_id)
            if has_begun:
                log.info("the text index of account %s has been rebuilt", client_id)
        return now_ms() if is_folding and not self._is_left(client_id) else next_at
