"""The job loop: takes what is due in any account, a few of each kind at a time, until it is told to stop."""

import logging
import os
import secrets
import threading
import time
from contextlib import suppress

from sqlalchemy.exc import SQLAlchemyError

from earwitness.archive.accounts.accounts import Accounts, Archive
from earwitness.archive.accounts.opening.unfit import AccountUnavailable
from earwitness.archive.jobs.queue import Job, Kind
from earwitness.kernel.errors import StorageFull
from earwitness.kernel.outages import outages, tell
from earwitness.kernel.settings import Settings
from earwitness.workers.account_rotation import AccountRotation
from earwitness.workers.doing import do
from earwitness.workers.presence import Presence
from earwitness.workers.rebuilding import Rebuilds

log = logging.getLogger(__name__)

GRACE_SECONDS = 8.0
"""How long running jobs have to end by themselves when the loop is told to stop."""

_IDLE_SECONDS = 0.5
_LOOK_AROUND_SECONDS = 1.0
_ROUND_SECONDS = 300.0
_LONGEST_PAUSE_SECONDS = 1.0
_LAST_WORDS_SECONDS = 5.0


class JobLoop:
    """Runs jobs in threads of this process; decoding and transcribing happen in processes of their own."""

    def __init__(
        self,
        accounts: Accounts,
        settings: Settings,
        woken: threading.Event | None = None,
        *,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        self._accounts = accounts
        self._settings = settings
        self._woken = woken or threading.Event()
        self._grace_seconds = grace_seconds
        self._stopping = threading.Event()
        self._halting = threading.Event()
        self._presence: Presence | None = None
        self._rotation = AccountRotation(accounts, secrets.token_hex(16))
        self._halts: set[threading.Event] = set()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        self._threads = [*self._slots(), threading.Thread(target=self._go_round, name="rounds", daemon=True)]
        try:
            self._presence = Presence(self._settings.data)
        except (StorageFull, OSError) as error:
            why = error.strerror if isinstance(error, OSError) else error.detail
            log.warning("others cannot be told of this worker, whose leases will have to run out: %s", why)
        else:
            self._rotation = AccountRotation(self._accounts, self._presence.name)
            look_around = threading.Thread(target=self._look_around, args=(self._presence,), daemon=True)
            self._threads.append(look_around)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Take no more jobs, let those that run end, and give back those that take too long."""
        self._stopping.set()
        self._woken.set()
        self._wait_for_threads(self._grace_seconds)
        self._halting.set()
        for halt in list(self._halts):
            halt.set()
        self._wait_for_threads(_LAST_WORDS_SECONDS)
        if self._presence:
            with suppress(OSError):  # then its mark is that of one who died
                self._presence.leave()

    def run_until_idle(self) -> None:
        """Do everything that is due, and return: what tests and the demo wait for."""
        for account in self._accounts.all():
            with suppress(AccountUnavailable):
                self._rotation.look_into(account.client_id)
        while self._rotation.is_due():
            slots = self._slots(until_idle=True)
            for slot in slots:
                slot.start()
            for slot in slots:
                slot.join()

    def _slots(self, *, until_idle: bool = False) -> list[threading.Thread]:
        """One thread for each job that may run at once."""
        at_once: dict[Kind, int] = {
            "process": self._settings.process_jobs,
            "transcribe": self._settings.transcribe_jobs,
            "index": 1,
        }
        slots = [
            threading.Thread(target=self._run, args=(kind, until_idle), name=f"{kind}-{number}", daemon=True)
            for kind, most in at_once.items()
            for number in range(most)
        ]
        return [
            *slots,
            threading.Thread(target=self._rebuild, args=(until_idle,), name="rebuild", daemon=True),
        ]

    def _run(self, kind: Kind, until_idle: bool) -> None:
        while not self._stopping.is_set():
            self._woken.clear()
            try:
                if taken := self._rotation.take(kind, self._stopping.is_set):
                    self._do(*taken)
                    continue
            except Exception as error:
                tell(log.error, error, "jobs cannot be taken or ended")
            if until_idle:
                return
            self._woken.wait(_IDLE_SECONDS)

    def _rebuild(self, until_idle: bool) -> None:
        rebuilds = Rebuilds(self._accounts, self._rotation.worker)
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                if rebuilds.go_on():
                    # Half of the time is left to requests and other writers, who look only now and then.
                    pause = 0.0 if until_idle else min(time.monotonic() - began, _LONGEST_PAUSE_SECONDS)
                    self._stopping.wait(pause)
                    continue
            except Exception as error:
                tell(log.error, error, "text indexes cannot be written anew")
            if until_idle:
                break
            self._stopping.wait(_IDLE_SECONDS)
        rebuilds.give_back()

    def _do(self, archive: Archive, job: Job) -> None:
        halt = threading.Event()
        self._halts.add(halt)
        if self._halting.is_set():  # it was taken just before, and is to be given back like the others
            halt.set()
        try:
            do(archive, job, self._rotation.worker, self._settings, halt)
        finally:
            self._halts.discard(halt)

    def _go_round(self) -> None:
        """Look into every account: all at once to begin with, then slowly, all of them in five minutes."""
        pause = 0.0
        while not self._stopping.is_set():
            client_ids = self._client_ids()
            for client_id in client_ids:
                try:
                    self._rotation.look_into(client_id)
                except AccountUnavailable:
                    pass  # said once, where it is refused
                except Exception as error:
                    tell(log.error, error, "account %s cannot be looked into", client_id)
                if self._stopping.wait(pause):
                    return
            pause = _ROUND_SECONDS / max(len(client_ids), 1)
            self._stopping.wait(pause)

    def _look_around(self, presence: Presence) -> None:
        """Take up what workers of this machine leave that die."""
        while not self._stopping.is_set():
            try:
                for fallen in presence.fallen():
                    self._rotation.inherit(fallen)
                    self._woken.set()
                outages.worked("data folder")
            except OSError as error:
                outages.failed("data folder", os.strerror(error.errno or 0))
            except Exception as error:
                tell(log.error, error, "what a dead worker left cannot be taken up")
            self._stopping.wait(_LOOK_AROUND_SECONDS)

    def _client_ids(self) -> list[int]:
        try:
            return [account.client_id for account in self._accounts.all()]
        except SQLAlchemyError as error:
            tell(log.error, error, "accounts cannot be read")
            return []

    def _wait_for_threads(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
