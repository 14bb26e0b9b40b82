"""The job loop: takes due jobs of any account, a few of each kind at a time, until it is told to stop."""

import logging
import os
import secrets
import threading
import time
from contextlib import suppress
from typing import cast

from sqlalchemy.exc import SQLAlchemyError

from earwitness.archive.accounts.accounts import Accounts, Archive
from earwitness.archive.accounts.opening.unfit import AccountUnavailable
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
from earwitness.archive.jobs.wake_ups import WakeUps
from earwitness.kernel.errors import StorageFull
from earwitness.kernel.outages import outages, tell
from earwitness.kernel.settings import Settings
from earwitness.media.stores.free_space import why_full
from earwitness.workers.account_jobs import AccountJobs
from earwitness.workers.account_rotation import POSTPONED_MS, AccountRotation
from earwitness.workers.account_turns import AccountTurns
from earwitness.workers.attestation_turns import AttestationTurns
from earwitness.workers.check_turns import CheckTurns
from earwitness.workers.job_runner import RENEW_SECONDS, run_job
from earwitness.workers.ledger_turns import LedgerTurns
from earwitness.workers.presence import Presence
from earwitness.workers.text_rebuilds import TextRebuilds

log = logging.getLogger(__name__)

GRACE_SECONDS = 8.0
"""How long running jobs have to finish when the loop is told to stop."""

IDLE_SECONDS = 0.5
"""How often each thread looks for work that no call of this process told of."""

_DEAD_WORKERS_SECONDS = 1.0
_ROUND_SECONDS = 300.0
_LONGEST_PAUSE_SECONDS = 1.0
_GIVE_BACK_SECONDS = 5.0
_SPACE = "disk space of jobs"


class JobLoop:
    """Runs jobs in threads of this process. Decoding and transcribing happen in processes of their own."""

    def __init__(
        self,
        accounts: Accounts,
        settings: Settings,
        woken: WakeUps | None = None,
        *,
        idle_seconds: float = IDLE_SECONDS,
        grace_seconds: float = GRACE_SECONDS,
        renew_seconds: float = RENEW_SECONDS,
        postponed_ms: int = POSTPONED_MS,
    ) -> None:
        self._accounts = accounts
        self._settings = settings
        self._woken = woken or WakeUps()
        self._idle_seconds = idle_seconds
        self._grace_seconds = grace_seconds
        self._renew_seconds = renew_seconds
        self._postponed_ms = postponed_ms
        self._stopping = threading.Event()
        self._has_worked = threading.Event()
        self.halting = threading.Event()
        """Set when jobs that still run are to be given back."""
        self._presence: Presence | None = None
        self._rotation = self._rotation_of(secrets.token_hex(16))
        self._halts: set[threading.Event] = set()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        takeover: list[threading.Thread] = []
        try:
            self._presence = Presence(self._settings.data)
        except (StorageFull, OSError) as error:
            why = error.strerror if isinstance(error, OSError) else error.detail
            log.warning(
                "the worker has no file in the data folder; if it dies, its leases have to run out: %s",
                why,
            )
        else:
            self._rotation = self._rotation_of(self._presence.name)
            takeover = [threading.Thread(target=self._take_over, args=(self._presence,), daemon=True)]
        # After the worker has its name: others end the leases of that name when it dies.
        rounds = threading.Thread(target=self._go_round, name="rounds", daemon=True)
        self._threads = [*self._slots(), rounds, *takeover]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Take no more jobs, let running ones finish, and give back those that take too long."""
        self._stopping.set()
        self._woken.end()
        self._wait_for_threads(self._grace_seconds)
        self.halting.set()
        for halt in list(self._halts):
            halt.set()
        self._wait_for_threads(_GIVE_BACK_SECONDS)
        if self._presence:
            with suppress(OSError):  # then others take its file for that of a dead worker, which does no harm
                self._presence.leave()

    def run_until_idle(self) -> None:
        """Do everything that is due, then return. Tests and the demo use it."""
        for account in self._accounts.all():
            with suppress(AccountUnavailable):
                self._rotation.look_into(account.client_id)
        while self._rotation.is_due(kind for kind in WORK_KINDS if not self._has_to_wait(kind)):
            self._has_worked.clear()
            slots = self._slots(until_idle=True)
            for slot in slots:
                slot.start()
            for slot in slots:
                slot.join()
            if not self._has_worked.is_set():  # other workers have what is due
                self._stopping.wait(IDLE_SECONDS)

    def _rotation_of(self, worker: str) -> AccountRotation:
        return AccountRotation(self._accounts, worker, self._postponed_ms)

    def _slots(self, *, until_idle: bool = False) -> list[threading.Thread]:
        """One thread for each job that may run at once, and one for each kind of work on whole accounts."""
        slots = [
            threading.Thread(target=self._run, args=(kind, until_idle), name=f"{kind}-{number}", daemon=True)
            for kind, row in JOB_KINDS.items()
            for number in range(row.at_once(self._settings))
        ]
        worker = self._rotation.worker
        turns = {
            REBUILD: TextRebuilds(self._accounts, worker),
            ACCOUNT: AccountJobs(self._accounts, worker),
            LEDGER: LedgerTurns(self._accounts, worker),
            ATTEST: AttestationTurns(self._accounts, worker),
            CHECK: CheckTurns(self._accounts, worker),
        }
        for kind, work in turns.items():
            of_kind = (kind, work, until_idle)
            slots.append(threading.Thread(target=self._take_turns, args=of_kind, name=kind, daemon=True))
        return slots

    def _run(self, kind: JobKind, until_idle: bool) -> None:
        while not self._stopping.is_set():
            self._woken.answer(kind)
            try:
                taken = None
                if not self._has_to_wait(kind):
                    taken = self._rotation.take(kind, self._stopping.is_set, keeps_marks=not until_idle)
                if taken:
                    self._has_worked.set()
                    self._do(*taken)
                    continue
            except Exception as error:
                tell(log.error, error, "%s jobs could not be taken or ended; trying again soon", kind)
            if until_idle:
                return
            self._woken.wait(kind, self._idle_seconds)

    def _has_to_wait(self, kind: WorkKind) -> bool:
        """Whether the disk has too little space for what jobs of a kind store. Then they stay queued."""
        row = JOB_KINDS.get(cast(JobKind, kind))
        if row is None or not row.stores_renditions:
            return False
        if (why := why_full(self._settings)) is None:
            outages.worked(_SPACE)
            return False
        outages.failed(_SPACE, f"{why} Jobs of the kind {kind} wait.")
        return True

    def _take_turns(self, kind: WorkKind, work: AccountTurns, until_idle: bool) -> None:
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                if work.go_on():
                    self._has_worked.set()
                    # Half of the time is left to requests and other writers.
                    pause = 0.0 if until_idle else min(time.monotonic() - began, _LONGEST_PAUSE_SECONDS)
                    self._stopping.wait(pause)
                    continue
            except Exception as error:
                tell(log.error, error, "work of the kind %s could not be done; trying again soon", kind)
            if until_idle:
                break
            self._stopping.wait(self._idle_seconds)
        work.give_back()

    def _do(self, archive: Archive, job: Job) -> None:
        halt = threading.Event()
        self._halts.add(halt)
        if self.halting.is_set():  # the job was taken just before, and `stop` did not see this event
            halt.set()
        try:
            run_job(archive, job, self._rotation.worker, self._settings, halt, self._renew_seconds)
        finally:
            self._halts.discard(halt)

    def _go_round(self) -> None:
        """Look into every account: first into all at once, then slowly, into all of them in five minutes."""
        pause = 0.0
        while not self._stopping.is_set():
            client_ids = self._client_ids()
            for client_id in client_ids:
                try:
                    self._rotation.look_into(client_id)
                except AccountUnavailable:
                    pass  # the log has it already, from where the account was examined
                except Exception as error:
                    message = (
                        "the worker could not look for jobs in account %s; trying again on its next round"
                    )
                    tell(log.error, error, message, client_id)
                if self._stopping.wait(pause):
                    return
            pause = _ROUND_SECONDS / max(len(client_ids), 1)
            self._stopping.wait(pause)

    def _take_over(self, presence: Presence) -> None:
        """Take over the jobs of workers of this machine that die."""
        while not self._stopping.is_set():
            try:
                for dead in presence.dead_workers():
                    self._rotation.end_leases_of(dead)
                    self._woken.wake(*JOB_KINDS)
                outages.worked("data folder")
            except OSError as error:
                outages.failed("data folder", os.strerror(error.errno or 0))
            except Exception as error:
                tell(log.error, error, "the jobs of a dead worker could not be taken over; trying again soon")
            self._stopping.wait(_DEAD_WORKERS_SECONDS)

    def _client_ids(self) -> list[int]:
        try:
            return [account.client_id for account in self._accounts.all()]
        except SQLAlchemyError as error:
            tell(log.error, error, "the worker could not list the accounts; trying again on its next round")
            return []

    def _wait_for_threads(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
