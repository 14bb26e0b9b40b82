"""Transcription, in a process of its own: an engine can crash, hang or eat memory, and nothing else does.

The process is given the sound, and neither keys nor settings.
"""

import logging
import socket
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from types import TracebackType
from typing import Self, TypeVar

import msgspec

from earwitness.kernel.errors import Unavailable
from earwitness.kernel.system.processes import cause_of_death, start_apart
from earwitness.speech.child import Answer
from earwitness.speech.engine import Transcript

_COMMAND = (sys.executable, "-P", "-m", "earwitness.speech.child")

OFFLINE = {"HF_HUB_OFFLINE": "1", "ORT_DISABLE_TELEMETRY": "1"}
"""For engines: a model that lacks a file is not looked for elsewhere, and no maker is told of their use."""

_LOOK_SECONDS = 0.5
_LONGEST_ANSWER = 256 << 20

_T = TypeVar("_T")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SpeechLimits:
    """What one transcription may use: seconds from its begin to its end, and MiB of memory."""

    seconds: int
    memory_mib: int


class TranscriptionFailed(Unavailable):
    """Transcription ended early."""

    default_code = "transcription-failed"


class TranscriptionUnusable(TranscriptionFailed):
    """The engine cannot be used until somebody does what this says."""

    default_code = "transcription-unusable"


def transcribe(
    engine: str, model: str, pcm: Iterable[bytes], limits: SpeechLimits, check: Callable[[], None]
) -> Transcript:
    """Transcribe one channel: 16-bit samples at 16 kHz. `model` is the folder or name of the engine's model.

    `check` is called twice a second or more while this waits, and may raise to end it. Raises
    TranscriptionFailed and what `pcm` raises.
    """
    with _Process(engine, model, limits, check) as process:
        for piece in pcm:
            if not process.hear(piece):
                break
        return process.answer()


class _Process:
    """One transcribing process, killed and reaped when its block is left."""

    def __init__(self, engine: str, model: str, limits: SpeechLimits, check: Callable[[], None]) -> None:
        self._check = check
        self._deadline = time.monotonic() + limits.seconds
        self._process, self._end = start_apart((*_COMMAND, engine, model, str(limits.memory_mib)), OFFLINE)
        self._end.settimeout(_LOOK_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.close()
        self._process.kill()
        self._process.wait()

    def hear(self, piece: bytes) -> bool:
        """Send sound; False when the process listens no more, because it has answered or died."""
        rest = memoryview(piece)
        try:
            while rest:
                rest = rest[self._in_time(partial(self._end.send, rest)) :]
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def answer(self) -> Transcript:
        """Say that this was all, and wait for the transcript."""
        with suppress(OSError):  # it may be gone already
            self._end.shutdown(socket.SHUT_WR)
        taken = bytearray()
        while piece := self._in_time(self._receive):
            taken += piece
            if len(taken) > _LONGEST_ANSWER:
                raise TranscriptionFailed("Transcription ended early: its answer has no end.")
        return self._understand(bytes(taken))

    def _receive(self) -> bytes:
        try:
            return self._end.recv(65536)
        except ConnectionResetError:
            return b""

    def _in_time(self, step: Callable[[], _T]) -> _T:
        while True:
            self._check()
            if time.monotonic() > self._deadline:
                raise TranscriptionFailed("Transcription ended early: it took too long.")
            try:
                return step()
            except TimeoutError:
                continue

    def _understand(self, taken: bytes) -> Transcript:
        if not taken:
            raise TranscriptionFailed(f"Transcription ended early: {cause_of_death(self._process)}.")
        try:
            answer = msgspec.json.decode(taken, type=Answer)
        except msgspec.MsgspecError:
            raise TranscriptionFailed("Transcription ended early: it was not understood.") from None
        if answer.unusable:
            raise TranscriptionUnusable(f"{answer.unusable}.")
        if answer.transcript is None:
            raise TranscriptionFailed(f"Transcription ended early: {answer.failed}.")
        if answer.layers:
            _warn(". ".join(answer.layers.missing))
        return answer.transcript


@cache  # as it is for one call, so it is for the next
def _warn(missing: str) -> None:
    if missing:
        log.warning("engines transcribe with less confinement: %s", missing)
