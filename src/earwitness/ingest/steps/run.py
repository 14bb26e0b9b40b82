"""What is done with a recording after it was accepted: `STEPS`, in this order, one file each.

Jobs do them: `process` those that are quick, and when it is done it queues `transcribe`, which may take as
long as the call did; `index` is for what very many recordings share, and was renamed. The steps of a job
gather what they find in a `Work`, and one transaction at the end makes it all visible and the job done. A
step that dies leaves nothing, and is simply done again.
"""

import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.jobs import queue
from earwitness.archive.jobs.queue import Job, Kind, StepName
from earwitness.archive.media.playable import playable_at
from earwitness.ingest.steps import index, measure, retain, transcribe
from earwitness.ingest.steps.context import Work
from earwitness.kernel.errors import Conflict
from earwitness.kernel.settings import Settings

Step = Callable[[Work], None]

STEPS: Mapping[StepName, Step] = {
    "measure": measure.measure,  # what it is, how long, waveform and mp3 rendition, in one pass
    "retain": retain.retain,  # the retention date follows the end, which may be known only now
    "transcribe": transcribe.transcribe,
    "index": index.index,
}
STEPS_OF: Mapping[Kind, tuple[StepName, ...]] = {
    "process": ("measure", "retain", "index"),
    "transcribe": ("transcribe", "index"),
    "index": ("index",),
}


def process(
    archive: Archive, job: Job, worker: str, settings: Settings, halt: threading.Event | None = None
) -> None:
    """Do a job. Raises what its steps raise, and Halted; nothing of it is visible then."""
    with archive.read() as connection:
        playable = playable_at(connection, job.position)
    with ExitStack() as leaving:
        work = Work(archive, playable, settings, leaving, halt or threading.Event())
        for name in (job.step,) if job.step else STEPS_OF[job.kind]:
            STEPS[name](work)
            work.check()
        try:
            with archive.write() as connection:
                _commit(connection, work, job, worker)
        except DBAPIError:
            for upload in work.uploads:
                upload.leave()  # the commit may have happened, though its word was lost
            raise
        for upload in work.uploads:
            upload.keep()
    for object_name in work.replaced:
        archive.store.delete(object_name)


def _commit(connection: Connection, work: Work, job: Job, worker: str) -> None:
    for change in work.changes:
        change(connection)
    for note in work.notes:
        queue.note(connection, job.id, note)
    if not queue.finish(connection, job, worker):
        raise Conflict("The lease ran out, and another worker has taken the job up.")
    if job.kind == "process" and job.step is None and transcribe.is_wanted(connection, job.position):
        queue.queue(connection, "transcribe", job.position)
