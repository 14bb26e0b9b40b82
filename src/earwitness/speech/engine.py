"""What transcribes: a small protocol, and where each engine that speaks it is found.

Engines are imported in the transcribing process alone (`earwitness.speech.child`): what they need is an
extra that not everybody installs, and what they do is slow and hungry.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from earwitness.kernel.extras import how_to_install
from earwitness.kernel.wire import Seconds

SAMPLE_RATE = 16_000
"""Of the sound that engines take, in Hz."""


@dataclass(frozen=True, slots=True)
class Segment:
    """What was said from `start` to `end`, in seconds."""

    text: str
    start: Seconds
    end: Seconds


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said in one channel, in order; without segments there is no language either."""

    language: str | None
    segments: list[Segment]


class Engine(Protocol):
    """Turns speech into text."""

    def transcribe(self, pcm: Iterable[bytes]) -> Transcript:
        """Transcribe one channel: 16-bit samples at 16 kHz, in pieces of whole samples."""


class EngineUnusable(Exception):
    """An engine cannot be used here until somebody does what this says."""


_EXTRAS = {"faster-whisper": "whisper", "pocketsphinx": "sphinx"}


def load(engine: str, model: str) -> Engine:
    """Load an engine; `model` is the folder or name of its model, if it needs one. Raises EngineUnusable."""
    try:
        if engine == "pocketsphinx":
            from earwitness.speech.sphinx import Sphinx

            return Sphinx()
        if engine == "faster-whisper":
            from earwitness.speech.whisper import Whisper

            return Whisper(model)
    except ModuleNotFoundError:
        extra = _EXTRAS[engine]
        raise EngineUnusable(f"{engine} is not installed: {how_to_install(extra)}") from None
    raise EngineUnusable(f"there is no engine {engine}")
