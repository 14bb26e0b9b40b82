"""Upkeep: what each process of an archive does every minute, whether it does jobs or not.

It settles uploads that a dead process of this machine left, which otherwise happens only when their account
is opened. And it compares the receipts of what was acknowledged with the database, which may have been
replaced by an older one.
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
_STOP_SECONDS = 5.0


class Upkeep:
    """A thread that looks after all accounts, at once and then every minute, until it is told to stop."""

    def __init__(self, accounts: Accounts, every_seconds: float = _EVERY_SECONDS) -> None:
        self._accounts = accounts
        self._every_seconds = every_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(_STOP_SECONDS)  # and no longer: it may wait for a database that does not answer

    def go_round(self) -> None:
        """Look after every account once."""
        with reading(self._accounts.directory) as connection:
            of_all = timeline(connection)
        for account in self._accounts.all():
            if self._stopping.is_set():
                return
            try:
                self._look_after(account.client_id, of_all)
            except AccountUnavailable:
                pass  # the log has it already, from where the account was examined
            except Exception as error:
                tell(
                    log.error,
                    error,
                    "upkeep of account %s failed; trying again in a minute",
                    account.client_id,
                )

    def _look_after(self, client_id: int, of_all: int) -> None:
        settings = self._accounts.settings
        file = settings.data / "accounts" / str(client_id) / "archive.db"
        current = of_all if settings.database_url else timeline_of_file(file)
        if not receipts_of(settings, client_id).is_compared(current):
            self._accounts.open(client_id).compare_receipts()
        if any(Incoming(folder).has_abandoned() for folder in self._incoming(client_id)):
            self._accounts.open(client_id).sweep_if_possible()

    def _incoming(self, client_id: int) -> tuple[Path, ...]:
        """The folders in which a store on disk and a store in a bucket mark their uploads."""
        folder = self._accounts.settings.data / "accounts" / str(client_id)
        return folder / "media" / "incoming", folder / "incoming"

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.go_round()
            except Exception as error:
                tell(log.error, error, "upkeep failed; trying again in a minute")
            self._stopping.wait(self._every_seconds)
