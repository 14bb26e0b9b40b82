"""What the steps of a job share: what they read, and their results until all of them become visible."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

from sqlalchemy import Connection

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.ledger.tree.commitments import Part
from earwitness.archive.media.playable import Playable
from earwitness.kernel.settings import Settings
from earwitness.media.flow import Source
from earwitness.media.measurement import DecoderLimits
from earwitness.media.vault import SealedUpload

NO_ENGINE = "none"
"""What an account has for its engine if its recordings are not transcribed."""


class Halted(Exception):
    """The job must stop before it is done, because the worker stops or another worker has taken the job."""


@dataclass(slots=True)
class StepContext:
    """The recording of a job, and the changes to make when all steps are done."""

    archive: Archive
    playable: Playable
    settings: Settings
    cleanup: ExitStack
    """Closes at the end of the job what a step opened and later steps need."""
    halt: threading.Event
    """Set from outside to stop the job. A long step checks it often, by `check` or by a `watched` source."""
    changes: list[Callable[[Connection], None]] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    """The parts of the recording that these changes may change, for the ledger."""
    uploads: list[SealedUpload] = field(default_factory=list)
    replaced_objects: list[str] = field(default_factory=list)
    """The names of stored objects to delete once the changes are committed."""
    notes: list[str] = field(default_factory=list)
    """Entries for the log of the job."""
    has_engine: bool = False
    """Whether the account has an engine. Known once the changes of `measure` are made."""

    @property
    def position(self) -> int:
        return self.playable.position

    @property
    def limits(self) -> DecoderLimits:
        return DecoderLimits(self.settings.decoder_seconds, self.settings.decoder_memory_mib)

    def check(self) -> None:
        """Raises Halted if the job is to stop."""
        if self.halt.is_set():
            raise Halted

    def watched(self, source: Source) -> Source:
        """The same source, but reading it raises Halted once the job is to stop."""
        return _WatchedSource(source, self.check)


@dataclass(frozen=True, slots=True)
class _WatchedSource:
    source: Source
    check: Callable[[], None]

    @property
    def size(self) -> int:
        return self.source.size

    def read(self, start: int, stop: int, /) -> bytes:
        self.check()
        return self.source.read(start, stop)
