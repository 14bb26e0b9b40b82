"""The interface of speech engines: an engine takes the sound of one channel and returns its transcript."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from earwitness.kernel.wire import Seconds

SAMPLE_RATE = 16_000
"""The sample rate of the sound that engines take, in Hz."""


@dataclass(frozen=True, slots=True)
class Segment:
    """What was said from `start` to `end`, in seconds."""

    text: str
    start: Seconds
    end: Seconds


@dataclass(frozen=True, slots=True)
class ChannelTranscript:
    """What was said in one channel, in order. `language` is None if there are no segments."""

    language: str | None
    segments: list[Segment]


class Engine(Protocol):
    """Transcribes speech."""

    def transcribe(self, pcm: Iterable[bytes]) -> ChannelTranscript:
        """Transcribe one channel: 16-bit samples at 16 kHz, in pieces of whole samples."""


class EngineUnusable(Exception):
    """The engine cannot be used until somebody does what this says."""
