"""What is done with a recording after it was accepted, in the order of `STEPS`.

The steps gather what they find in a `Work`, and one transaction at the end makes it all visible and the
job done. A step that dies leaves nothing, and is simply done again.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack

from earwitness.archive import jobs
from earwitness.archive.accounts import Archive
from earwitness.archive.jobs import Job
from earwitness.archive.playable import playable_at
from earwitness.archive.timeline import one_at_a_time
from earwitness.ingest import measuring, retaining
from earwitness.ingest.work import Work
from earwitness.kernel.errors import Conflict
from earwitness.kernel.settings import Settings

Step = Callable[[Work], None]

STEPS: Sequence[Step] = (
    measuring.measure,  # duration, waveform and the mp3 rendition, in one pass
    retaining.retain,  # the retention date follows the end, which may be known only now
)


def process(archive: Archive, job: Job, worker: str, settings: Settings) -> None:
    """Do a job. Raises what its steps raise; nothing of it is visible then."""
    with archive.read() as connection:
        playable = playable_at(connection, job.position)
    with ExitStack() as leaving:
        work = Work(archive, playable, settings, leaving)
        for step in STEPS:
            step(work)
        with archive.write() as connection:
            one_at_a_time(connection)  # or a change of the rules of retention meanwhile would be missed
            for change in work.changes:
                change(connection)
            if not jobs.finish(connection, job, worker):
                raise Conflict("The lease ran out, and another worker has taken the job up.")
        for upload in work.uploads:
            upload.keep()
