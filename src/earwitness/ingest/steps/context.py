"""What the processing of one recording gathers, until it is made visible all at once."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

from sqlalchemy import Connection

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.media.playable import Playable
from earwitness.kernel.settings import Settings
from earwitness.media.flow import Source
from earwitness.media.measurement import DecoderLimits
from earwitness.media.vault import SealedUpload


class Halted(Exception):
    """The work is to be left undone: the worker stops, or another one has taken it up."""


@dataclass(slots=True)
class Work:
    """A recording in processing: what to read, and the changes to make when everything is done."""

    archive: Archive
    playable: Playable
    settings: Settings
    leaving: ExitStack
    halt: threading.Event
    """Set from outside; what takes long looks at it often, by `check` or by reading through `watched`."""
    changes: list[Callable[[Connection], None]] = field(default_factory=list)
    uploads: list[SealedUpload] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    """The names of stored objects that nothing names any more once the changes are committed."""
    notes: list[str] = field(default_factory=list)
    """What the log of the job is to say."""

    @property
    def limits(self) -> DecoderLimits:
        return DecoderLimits(self.settings.decoder_seconds, self.settings.decoder_memory_mib)

    def check(self) -> None:
        """Raises Halted."""
        if self.halt.is_set():
            raise Halted

    def watched(self, source: Source) -> Source:
        """The same source, which raises Halted when it is read after the work was to be left."""
        return _Watched(source, self.check)


@dataclass(frozen=True, slots=True)
class _Watched:
    source: Source
    check: Callable[[], None]

    @property
    def size(self) -> int:
        return self.source.size

    def read(self, start: int, stop: int, /) -> bytes:
        self.check()
        return self.source.read(start, stop)
