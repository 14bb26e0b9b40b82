"""Whisper, by faster-whisper: many languages, from a model folder on this machine."""

from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy
from faster_whisper import WhisperModel

from earwitness.speech.engine import SAMPLE_RATE, EngineUnusable, Segment, Transcript

_FILES = ("model.bin", "config.json", "tokenizer.json")

# A long recording is heard in parts, so that memory does not grow with it; a part ends where it is quiet.
_PART_SECONDS = 600
_QUIET_WITHIN_SECONDS = 30
_WINDOW = SAMPLE_RATE // 5

Samples = "array[int]"


class Whisper:
    """The engine `faster-whisper`."""

    def __init__(self, folder: Path) -> None:
        """Load a model in CTranslate2's format. Raises EngineUnusable."""
        if not all((folder / name).is_file() for name in _FILES):
            needed = ", ".join(_FILES)
            raise EngineUnusable(f"EARWITNESS_WHISPER_MODEL must name a folder that has {needed}")
        try:
            self._model = WhisperModel(str(folder), device="auto", local_files_only=True)
        except (RuntimeError, ValueError) as error:
            raise EngineUnusable(f"the model cannot be loaded: {type(error).__name__}") from None

    def transcribe(self, pcm: Iterable[bytes]) -> Transcript:
        language: str | None = None
        segments: list[Segment] = []
        offset = 0.0
        for part in parts(pcm):
            samples = numpy.frombuffer(part, numpy.int16).astype(numpy.float32) / 32768
            found, about = self._model.transcribe(samples, language=language, vad_filter=True)
            heard = [
                Segment(one.text, round(offset + one.start, 2), round(offset + one.end, 2)) for one in found
            ]
            if heard and language is None:
                language = about.language
            segments += heard
            offset += len(part) / SAMPLE_RATE
        return Transcript(language, segments)


def parts(pcm: Iterable[bytes]) -> Iterator["array[int]"]:
    """The sound in parts of at most ten minutes, each but the last ending where it is quietest."""
    pending = array("h")
    for piece in pcm:
        pending.frombytes(piece)
        while len(pending) >= _PART_SECONDS * SAMPLE_RATE:
            end = _quietest(pending, _PART_SECONDS * SAMPLE_RATE)
            yield pending[:end]
            del pending[:end]
    if pending:
        yield pending


def _quietest(samples: "array[int]", before: int) -> int:
    """The middle of the fifth of a second that is quietest, of the last half minute before a sample."""
    begins = range(before - _QUIET_WITHIN_SECONDS * SAMPLE_RATE, before - _WINDOW, _WINDOW)
    quietest = min(begins, key=lambda begin: sum(map(abs, samples[begin : begin + _WINDOW : 8])))
    return quietest + _WINDOW // 2
