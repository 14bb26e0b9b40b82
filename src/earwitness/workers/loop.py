"""The job loop: takes what is due in any account, a few at a time, until it is told to stop."""

import logging
import os
import secrets
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy.exc import SQLAlchemyError

from earwitness.archive import jobs
from earwitness.archive.accounts import Accounts, Archive
from earwitness.archive.jobs import LEASE_MS, Job
from earwitness.ingest.process import process
from earwitness.kernel.errors import Problem
from earwitness.kernel.settings import Settings

log = logging.getLogger(__name__)

_IDLE_SECONDS = 1.0
AT_ONCE = 2


class JobLoop:
    """Runs jobs in threads of this process; the decoding itself happens in processes of its own."""

    def __init__(self, accounts: Accounts, settings: Settings, woken: threading.Event | None = None) -> None:
        self._accounts = accounts
        self._settings = settings
        self._woken = woken or threading.Event()
        self._stopping = threading.Event()
        self._worker = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._free = threading.Semaphore(AT_ONCE)
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="job")
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Take no more jobs, and wait for those that are running."""
        self._stopping.set()
        self._woken.set()
        self._thread.join()
        self._pool.shutdown()

    def run_until_idle(self) -> None:
        """Do everything that is due, and return: what tests and the demo wait for."""
        while any(self._take_one(account.client_id) for account in self._accounts.all()):
            pass
        self._pool.shutdown()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._woken.clear()
            if not self._take_some():
                self._woken.wait(_IDLE_SECONDS)

    def _take_some(self) -> bool:
        """One round over the accounts; what is wrong with one of them holds up no other."""
        found = False
        try:
            accounts = self._accounts.all()
        except SQLAlchemyError as error:
            log.error("accounts cannot be read: %s", type(error).__name__)
            return False
        for account in accounts:
            try:
                found |= self._take_one(account.client_id)
            except Exception as error:
                log.error("jobs of account %s cannot be read: %s", account.client_id, type(error).__name__)
        return found

    def _take_one(self, client_id: int) -> bool:
        """Begin one job of an account; False when it has none, or when the loop is to stop."""
        archive = self._accounts.open(client_id)
        with archive.read() as connection:
            if not jobs.has_due(connection):
                return False
        while not self._free.acquire(timeout=_IDLE_SECONDS):
            if self._stopping.is_set():
                return False
        job = None
        try:
            if not self._stopping.is_set():
                with archive.write() as connection:
                    job = jobs.lease(connection, self._worker)
        finally:
            if job is None:
                self._free.release()
        if job is not None:
            self._pool.submit(self._do, archive, job)
        return job is not None

    def _do(self, archive: Archive, job: Job) -> None:
        done = threading.Event()
        heart = threading.Thread(target=self._beat, args=(archive, job, done), daemon=True)
        heart.start()
        try:
            process(archive, job, self._worker, self._settings)
        except Exception as error:
            log.warning("job %s failed: %s", job.id, type(error).__name__)
            with archive.write() as connection:
                jobs.fail(connection, job, self._worker, reason_of(error))
        finally:
            done.set()
            heart.join()
            self._free.release()

    def _beat(self, archive: Archive, job: Job, done: threading.Event) -> None:
        while not done.wait(LEASE_MS / 1000 / 4):
            try:
                with archive.write() as connection:
                    jobs.renew(connection, job, self._worker)
            except SQLAlchemyError as error:
                log.warning("job %s: its lease was not renewed: %s", job.id, type(error).__name__)


def reason_of(error: Exception) -> str:
    """Why a job failed, for its log: the kind of error, and the words of those that are ours."""
    return f"{type(error).__name__}: {error}" if isinstance(error, Problem) else type(error).__name__
