"""Running one job: its lease is renewed while it runs, and the outcome is written down."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.jobs import queue
from earwitness.archive.jobs.queue import LEASE_MS, Job
from earwitness.ingest.steps.context import Halted
from earwitness.ingest.steps.run import run_steps
from earwitness.kernel.errors import Problem
from earwitness.kernel.outages import tell
from earwitness.kernel.settings import Settings
from earwitness.speech.transcriber import TranscriptionUnusable

log = logging.getLogger(__name__)

RENEW_SECONDS = LEASE_MS / 1000 / 4


def run_job(
    archive: Archive,
    job: Job,
    worker: str,
    settings: Settings,
    halt: threading.Event,
    renew_seconds: float = RENEW_SECONDS,
) -> None:
    """Run a job, or give it back soon after `halt` is set. Raises the errors of the database."""
    with _renewed(archive, job, worker, halt, renew_seconds):
        try:
            if job.attempts > 1:
                archive.sweep()  # the worker that tried before may have died and left an upload
            run_steps(archive, job, worker, settings, halt)
        except Halted:
            with archive.write(locked=False) as connection:  # it locks its job alone
                queue.release(connection, job, worker)
        except Exception as error:
            tell(log.warning, error, "job %s of account %s failed", job.id, archive.client_id)
            for_good = isinstance(error, TranscriptionUnusable)
            with archive.write(locked=False) as connection:  # it locks its job alone
                queue.fail(connection, job, worker, reason_of(error), for_good=for_good)


def reason_of(error: Exception) -> str:
    """Why a job failed, for its log. Only problems are quoted: other errors may quote the recording."""
    return f"{type(error).__name__}: {error}" if isinstance(error, Problem) else type(error).__name__


@contextmanager
def _renewed(
    archive: Archive, job: Job, worker: str, halt: threading.Event, renew_seconds: float
) -> Iterator[None]:
    done = threading.Event()

    def renew() -> None:
        while not done.wait(renew_seconds):
            if not _renew(archive, job, worker):
                halt.set()
                return

    renewing = threading.Thread(target=renew, daemon=True)
    renewing.start()
    try:
        yield
    finally:
        done.set()
        renewing.join()


def _renew(archive: Archive, job: Job, worker: str) -> bool:
    """Renew a lease; False if another worker has the job by now."""
    try:
        # It locks its job alone. A power failure ends the worker too, so the lease need not survive one.
        with archive.write(locked=False, is_durable=False) as connection:
            return queue.renew(connection, job, worker)
    except SQLAlchemyError as error:
        tell(
            log.warning, error, "the lease of job %s of account %s was not renewed", job.id, archive.client_id
        )
        return True
