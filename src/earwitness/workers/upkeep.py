"""Upkeep: what each process of an archive looks after every minute, whether it does jobs or not.

Uploads that a dead process of this machine left are settled, although nobody opens their account anew; and
what was acknowledged is compared with the database, which may have been replaced by one that lags behind.
"""

import logging
import threading
from pathlib import Path

from earwitness.archive.accounts.accounts import Accounts
from earwitness.archive.accounts.opening.unfit import AccountUnavailable
from earwitness.archive.database.transactions import reading
from earwitness.archive.receipts.compare import timeline, timeline_of_file
from earwitness.archive.receipts.written import receipts_of
from earwitness.kernel.outages import tell
from earwitness.media.stores.incoming import Incoming

log = logging.getLogger(__name__)

_EVERY_SECONDS = 60.0
_LAST_WORDS_SECONDS = 5.0


class Upkeep:
    """A thread that goes round the accounts, at once and then every minute, until it is told to stop."""

    def __init__(self, accounts: Accounts, every_seconds: float = _EVERY_SECONDS) -> None:
        self._accounts = accounts
        self._every_seconds = every_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(_LAST_WORDS_SECONDS)  # it may wait for a database that does not answer

    def go_round(self) -> None:
        """Look after all accounts that there is something of."""
        with reading(self._accounts.directory) as connection:
            of_all = timeline(connection)
        for account in self._accounts.all():
            if self._stopping.is_set():
                return
            try:
                self._look_after(account.client_id, of_all)
            except AccountUnavailable:
                pass  # said once, where it is refused
            except Exception as error:
                tell(log.error, error, "account %s cannot be looked after", account.client_id)

    def _look_after(self, client_id: int, of_all: int) -> None:
        settings = self._accounts.settings
        file = settings.data / "accounts" / str(client_id) / "archive.db"
        is_of = of_all if settings.database_url else timeline_of_file(file)
        if not receipts_of(settings, client_id).is_compared(is_of):
            self._accounts.open(client_id).compare_receipts()
        if any(Incoming(folder).has_abandoned() for folder in self._incoming(client_id)):
            self._accounts.open(client_id).sweep_if_possible()

    def _incoming(self, client_id: int) -> tuple[Path, ...]:
        """Where stores on the disk and in a bucket mark their uploads."""
        folder = self._accounts.settings.data / "accounts" / str(client_id)
        return folder / "media" / "incoming", folder / "incoming"

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.go_round()
            except Exception as error:
                tell(log.error, error, "accounts cannot be looked after")
            self._stopping.wait(self._every_seconds)
