"""The steps that a recording goes through after it was accepted: `STEPS`, in this order, one file each.

`archive/jobs/kinds.py` says which steps each kind of job does. The steps of a job gather their results in a
`StepContext`. One transaction at the end makes all of them visible and the job done. If a step fails, nothing
of the job is visible, and the job is done again from its beginning.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import get_args

from sqlalchemy import ColumnElement, Connection

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.accounts.opening.unfit import UNKNOWN_WHETHER_COMMITTED
from earwitness.archive.jobs import queue
from earwitness.archive.jobs.kinds import JOB_KINDS, JobKind, StepName
from earwitness.archive.jobs.queue import Job
from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.ledger import Action
from earwitness.archive.ledger.recording_digests import Watched
from earwitness.archive.media.playable import Playable, playable_at
from earwitness.ingest.steps import index, measure, retain, transcribe
from earwitness.ingest.steps.context import StepContext
from earwitness.kernel.errors import Conflict
from earwitness.kernel.settings import Settings

Conditions = Sequence[ColumnElement[bool]]


def _all_recordings(_: Connection) -> Conditions:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step, and how it is repeated for recordings that have been processed."""

    name: StepName
    do: Callable[[StepContext], None]
    again_by: JobKind = "process"
    """The kind of job that repeats it. A kind of the same name does all its steps, another only this one."""
    fits: Callable[[Connection], Conditions] = _all_recordings
    """The conditions on recordings for which it can be repeated. Raises Conflict if it never can."""
    is_done_by_acceptance: bool = False
    """Whether a recording that was just accepted has it behind it, so that only later jobs do it again."""


STEPS: Sequence[Step] = (
    # First, because the end of a recording may be known only when its media has been measured.
    Step(name="measure", do=measure.measure, fits=measure.fits),
    Step(name="retain", do=retain.retain, is_done_by_acceptance=True),
    Step(name="transcribe", do=transcribe.transcribe, again_by="transcribe", fits=transcribe.fits),
    Step(name="index", do=index.index, again_by="index", is_done_by_acceptance=True),
)

if [step.name for step in STEPS] != list(get_args(StepName)):
    raise TypeError("STEPS needs one row for each name in StepName, in the same order.")


def steps_of(job: Job, playable: Playable) -> Sequence[Step]:
    """The steps that a job does, in their order."""
    if job.step:
        return [step for step in STEPS if step.name == job.step]
    is_new = job.kind == "process" and playable.is_new
    return [
        step
        for step in STEPS
        if step.name in JOB_KINDS[job.kind].steps and not (is_new and step.is_done_by_acceptance)
    ]


def run_steps(
    archive: Archive, job: Job, worker: str, settings: Settings, halt: threading.Event | None = None
) -> None:
    """Do a job. Raises what its steps raise, and Halted; then nothing of the job is visible."""
    with archive.read() as connection:
        playable = playable_at(connection, job.position)
    with ExitStack() as cleanup:
        context = StepContext(archive, playable, settings, cleanup, halt or threading.Event())
        for step in steps_of(job, playable):
            step.do(context)
            context.check()
        try:
            with archive.write() as connection:
                _commit(connection, context, job, worker)
        except UNKNOWN_WHETHER_COMMITTED:
            for upload in context.uploads:
                upload.leave()
            raise
        for upload in context.uploads:
            upload.keep()
    for object_name in context.replaced_objects:
        archive.store.delete(object_name)


def _action_of(job: Job) -> Action:
    """A job as the ledger has it, where it changed what the recording is."""
    return Action("JOB", "", f"{(job.step or job.kind).capitalize()} recording", "earwitness", "")


def _commit(connection: Connection, context: StepContext, job: Job, worker: str) -> None:
    watched = Watched(connection, [job.position], *dict.fromkeys(context.parts))
    for change in context.changes:
        change(connection)
    ledger.append(connection, _action_of(job), watched.entries(connection))
    for note in context.notes:
        queue.add_note(connection, job.id, note)
    if not queue.finish(connection, job, worker):
        raise Conflict("The lease ran out, and another worker has taken the job up.")
    is_whole = job.kind == "process" and job.step is None
    if is_whole and context.has_engine and transcribe.is_needed(connection, job.position):
        queue.add(connection, "transcribe", job.position)
