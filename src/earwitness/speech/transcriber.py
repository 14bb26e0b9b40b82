"""Transcription in a process of its own: engines may crash, hang or need too much memory.

The process gets the sound, but no keys and no settings.
"""

import logging
import socket
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from types import TracebackType
from typing import Self, TypeVar

import msgspec

from earwitness.kernel.errors import Unavailable
from earwitness.kernel.system.processes import cause_of_death, start_apart
from earwitness.speech.child import EngineAnswer
from earwitness.speech.engine import ChannelTranscript

COMMAND = (sys.executable, "-P", "-m", "earwitness.speech.child")
"""The transcribing process. Its arguments are the engine, the model and the memory in MiB."""

OFFLINE = {"HF_HUB_OFFLINE": "1", "ORT_DISABLE_TELEMETRY": "1"}
"""Environment of the process: engines download no missing file of a model, and send no telemetry."""

CHECK_SECONDS = 0.5
_LONGEST_ANSWER_BYTES = 256 << 20

_T = TypeVar("_T")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SpeechLimits:
    """What one transcription may use: seconds from start to end, and MiB of memory."""

    seconds: int
    memory_mib: int


class TranscriptionFailed(Unavailable):
    """Transcription ended early."""

    default_code = "transcription-failed"


class TranscriptionUnusable(TranscriptionFailed):
    """The engine cannot be used until somebody does what this says."""

    default_code = "transcription-unusable"


def transcribe(
    engine: str,
    model: str,
    pcm: Iterable[bytes],
    limits: SpeechLimits,
    check: Callable[[], None],
    *,
    command: Sequence[str] = COMMAND,
    check_seconds: float = CHECK_SECONDS,
) -> ChannelTranscript:
    """Transcribe one channel: 16-bit samples at 16 kHz. `model` is the folder or name of the engine's model.

    While this waits, it calls `check` at least every `check_seconds`; `check` may raise to end it. Raises
    TranscriptionFailed, and what `pcm` and `check` raise.
    """
    arguments = (engine, model, str(limits.memory_mib))
    with _TranscribingProcess((*command, *arguments), limits.seconds, check, check_seconds) as process:
        for piece in pcm:
            if not process.send(piece):
                break
        return process.answer()


class _TranscribingProcess:
    """One transcribing process. Leaving its `with` block kills and reaps it."""

    def __init__(
        self, command: Sequence[str], seconds: int, check: Callable[[], None], check_seconds: float
    ) -> None:
        self._check = check
        self._deadline = time.monotonic() + seconds
        self._process, self._end = start_apart(command, OFFLINE)
        self._end.settimeout(check_seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.close()
        self._process.kill()
        self._process.wait()

    def send(self, piece: bytes) -> bool:
        """Send sound. False if the process reads no more, because it has answered or died."""
        rest = memoryview(piece)
        try:
            while rest:
                rest = rest[self._in_time(partial(self._end.send, rest)) :]
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def answer(self) -> ChannelTranscript:
        """End the sound, and wait for the transcript."""
        with suppress(OSError):  # the process may have ended already
            self._end.shutdown(socket.SHUT_WR)
        taken = bytearray()
        while piece := self._in_time(self._receive):
            taken += piece
            if len(taken) > _LONGEST_ANSWER_BYTES:
                raise TranscriptionFailed("Transcription ended early: its answer is too long.")
        return self._decode(bytes(taken))

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

    def _decode(self, taken: bytes) -> ChannelTranscript:
        if not taken:
            raise TranscriptionFailed(f"Transcription ended early: {cause_of_death(self._process)}.")
        try:
            answer = msgspec.json.decode(taken, type=EngineAnswer)
        except msgspec.MsgspecError:
            raise TranscriptionFailed("Transcription ended early: its answer was not understood.") from None
        if answer.unusable:
            raise TranscriptionUnusable(f"{answer.unusable}.")
        if answer.transcript is None:
            raise TranscriptionFailed(f"Transcription ended early: {answer.failed}.")
        if answer.layers:
            _warn(". ".join(answer.layers.missing))
        return answer.transcript


@cache  # logged once, since it is the same for every call on this machine
def _warn(missing: str) -> None:
    if missing:
        log.warning("speech engines run with less confinement: %s", missing)
