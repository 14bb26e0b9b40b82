"""Doing one job: its lease is renewed meanwhile, and what comes of it is written down."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.jobs import queue
from earwitness.archive.jobs.queue import LEASE_MS, Job
from earwitness.ingest.steps.context import Halted
from earwitness.ingest.steps.run import process
from earwitness.kernel.errors import Problem
from earwitness.kernel.outages import tell
from earwitness.kernel.settings import Settings
from earwitness.speech.transcriber import TranscriptionUnusable

log = logging.getLogger(__name__)

_BEATS_A_LEASE = 4


def do(archive: Archive, job: Job, worker: str, settings: Settings, halt: threading.Event) -> None:
    """Do a job, or give it back soon after `halt` is set. Raises what the database raises."""
    with _renewed(archive, job, worker, halt):
        try:
            if job.attempts > 1:
                archive.sweep()  # whoever tried before may have died, and left an upload
            process(archive, job, worker, settings, halt)
        except Halted:
            with archive.write(locked=False) as connection:
                queue.release(connection, job, worker)
        except Exception as error:
            tell(log.warning, error, "job %s of account %s failed", job.id, archive.client_id)
            for_good = isinstance(error, TranscriptionUnusable)
            with archive.write(locked=False) as connection:
                queue.fail(connection, job, worker, reason_of(error), for_good=for_good)


def reason_of(error: Exception) -> str:
    """Why a job failed, for its log: the kind of error, and the words of those that are ours."""
    return f"{type(error).__name__}: {error}" if isinstance(error, Problem) else type(error).__name__


@contextmanager
def _renewed(archive: Archive, job: Job, worker: str, halt: threading.Event) -> Iterator[None]:
    done = threading.Event()
    beating = threading.Thread(target=_beat, args=(archive, job, worker, halt, done), daemon=True)
    beating.start()
    try:
        yield
    finally:
        done.set()
        beating.join()


def _beat(archive: Archive, job: Job, worker: str, halt: threading.Event, done: threading.Event) -> None:
    while not done.wait(LEASE_MS / 1000 / _BEATS_A_LEASE):
        try:
            with archive.write(locked=False) as connection:
                is_ours = queue.renew(connection, job, worker)
        except SQLAlchemyError as error:
            tell(log.warning, error, "job %s: its lease was not renewed", job.id)
        else:
            if not is_ours:
                halt.set()
                return
