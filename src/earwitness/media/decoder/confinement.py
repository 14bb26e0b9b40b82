"""What confines decoding and transcribing processes on this machine, as a decoding process reports it."""

import logging
import threading
from dataclasses import dataclass

from earwitness.kernel.confinement.layers import Layers
from earwitness.kernel.settings import Settings
from earwitness.media.decoder.decoder import DecoderFailed, rehearse
from earwitness.media.measurement import DecoderLimits

log = logging.getLogger(__name__)

_MOST_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Confinement:
    """The layers that are in force, or why a decoder failed in its confinement."""

    layers: Layers
    failure: str = ""

    @property
    def missing(self) -> list[str]:
        return [self.failure] if self.failure else self.layers.missing

    @property
    def in_words(self) -> str:
        if self.failure:
            return f"Nothing can be decoded: {self.failure}"
        sentences = [
            f"Decoders and engines are {self.layers}.",
            *(f"{words}." for words in self.layers.missing),
        ]
        return " ".join(sentences)


def find_confinement(settings: Settings) -> Confinement:
    """Let a decoding process rehearse in its confinement. The first one of a process takes half a second."""
    try:
        return Confinement(rehearse(DecoderLimits(_MOST_SECONDS, settings.decoder_memory_mib)))
    except DecoderFailed as error:
        return Confinement(Layers(0, seccomp=False), error.detail)


def log_confinement(settings: Settings) -> None:
    """Find the confinement in a thread, and log it: as a warning if a layer is missing."""
    threading.Thread(target=_log, args=(settings,), daemon=True).start()


def _log(settings: Settings) -> None:
    found = find_confinement(settings)
    level = logging.ERROR if found.failure else logging.WARNING if found.missing else logging.INFO
    fields = {"landlockAbi": found.layers.landlock, "seccomp": found.layers.seccomp}
    log.log(level, "%s", found.in_words, extra={"fields": fields})
