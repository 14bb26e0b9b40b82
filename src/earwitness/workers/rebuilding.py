"""Writing text indexes anew: accounts take turns, a batch each, and one worker at a time has an account."""

import logging

from earwitness.archive import accounts_with_work, text_rebuild
from earwitness.archive.accounts import Accounts
from earwitness.kernel.clock import now_ms
from earwitness.kernel.errors import NotFound

log = logging.getLogger(__name__)

_POSTPONED_MS = 5_000


class Rebuilds:
    """What this worker does of them."""

    def __init__(self, accounts: Accounts, worker: str) -> None:
        self._accounts = accounts
        self._worker = worker
        self._last = 0
        self._begun: set[int] = set()

    def go_on(self) -> bool:
        """Do a piece of the next account's; False where nothing is due."""
        directory = self._accounts.directory
        client_id = accounts_with_work.next_with_work(directory, "rebuild", self._last)
        if client_id is None:
            return False
        self._last = client_id
        try:
            next_at = self._go_on(client_id)
        except NotFound:
            next_at = None
        except Exception as error:
            log.error("text of account %s cannot be indexed: %s", client_id, type(error).__name__)
            next_at = now_ms() + _POSTPONED_MS
        if next_at is None or next_at > now_ms():
            accounts_with_work.clear(directory, client_id, "rebuild")
            if next_at is not None:
                due_at: dict[accounts_with_work.Kind, int] = {"rebuild": next_at}
                accounts_with_work.mark(directory, client_id, due_at)
        return True

    def give_back(self) -> None:
        """Leave what was begun to others."""
        for client_id in self._begun:
            text_rebuild.give_back(self._accounts.open(client_id), self._worker)
        self._begun.clear()

    def _go_on(self, client_id: int) -> int | None:
        archive = self._accounts.open(client_id)
        self._begun.add(client_id)
        next_at = text_rebuild.go_on(archive, self._worker)
        if next_at is None:
            self._begun.discard(client_id)
            log.info("the text index of account %s is written anew", client_id)
        return next_at
