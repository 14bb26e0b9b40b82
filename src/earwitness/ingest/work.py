"""What the processing of one recording gathers, until it is made visible all at once."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

from sqlalchemy import Connection

from earwitness.archive.accounts import Archive
from earwitness.archive.playable import Playable
from earwitness.kernel.settings import Settings
from earwitness.media.measurement import Limits
from earwitness.media.vault import SealedUpload


@dataclass(slots=True)
class Work:
    """A recording in processing: what to read, and the changes to make when everything is done."""

    archive: Archive
    playable: Playable
    settings: Settings
    leaving: ExitStack
    changes: list[Callable[[Connection], None]] = field(default_factory=list)
    uploads: list[SealedUpload] = field(default_factory=list)

    @property
    def limits(self) -> Limits:
        return Limits(self.settings.decoder_seconds, self.settings.decoder_memory_mib)
