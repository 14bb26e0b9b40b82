"""The kinds of jobs, one row for each.

To add a kind, add its name to `JobKind` and its row to `JOB_KINDS`. A step that no kind has yet also needs
its name in `StepName`, and a file and a row in `ingest/steps/`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from earwitness.kernel.settings import Settings

JobKind = Literal["process", "transcribe", "index"]
"""A kind of job. Each job works on one recording."""

StepName = Literal["measure", "retain", "transcribe", "index"]
"""A step of a job, which can also be done alone. `ingest/steps/run.py` lists the steps in their order."""

WorkKind = JobKind | Literal["rebuild", "account", "ledger", "attest", "check"]
"""A kind of work for which an account can be marked: jobs of recordings, the rebuild of its text index, its
own jobs, the log of its ledger, what outside parties say about that, and its daily checks."""

REBUILD: Final = "rebuild"
ACCOUNT: Final = "account"
LEDGER: Final = "ledger"
ATTEST: Final = "attest"
CHECK: Final = "check"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobKindRow:
    """What the program knows about a kind of job. `docs/jobs.md` has the same texts."""

    does: str
    queued: str
    """When a job of this kind is queued."""
    steps: tuple[StepName, ...]
    at_once: Callable[[Settings], int]
    """How many jobs of this kind each process runs at once."""
    stores_renditions: bool = False
    """Whether jobs of this kind wait while the disk has too little space for renditions."""


JOB_KINDS: Mapping[JobKind, JobKindRow] = {
    "process": JobKindRow(
        does="decodes the media for the duration, the waveform and the mp3 rendition, and moves "
        "`retainUntil` with the end; done again, it also sets `retainUntil` by the rules and writes the text "
        "index",
        queued="when media arrives, and by `earwitness reprocess`",
        steps=("measure", "retain", "index"),
        at_once=lambda settings: settings.process_jobs,
        stores_renditions=True,
    ),
    "transcribe": JobKindRow(
        does="writes a transcript and the text index",
        queued="when a `process` job is done, if the account has an engine and the source sent no transcript",
        steps=("transcribe", "index"),
        at_once=lambda settings: settings.transcribe_jobs,
    ),
    "index": JobKindRow(
        does="writes only the text index",
        queued="when a person or a tag of more than 200 recordings, or of long transcripts, is renamed",
        steps=("index",),
        at_once=lambda _: 1,
    ),
}
WORK_KINDS: Sequence[WorkKind] = (*JOB_KINDS, REBUILD, ACCOUNT, LEDGER, ATTEST, CHECK)

if set(JOB_KINDS) != set(get_args(JobKind)):
    raise TypeError("JOB_KINDS needs one row for each name in JobKind.")
