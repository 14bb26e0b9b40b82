"""Whisper, by faster-whisper: many languages, from a model that is on this machine."""

from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import ctranslate2
import numpy
from faster_whisper import WhisperModel
from faster_whisper.vad import VadOptions, get_speech_timestamps

from earwitness.speech.engine import SAMPLE_RATE, EngineUnusable, Segment, Transcript
from earwitness.speech.models import PACKAGED, read_packaged

_FILES = ("model.bin", "config.json", "tokenizer.json")

# A long recording is heard in parts, so that memory does not grow with it; a part ends where it is quiet.
_PART_SECONDS = 600
_QUIET_WITHIN_SECONDS = 30
_WINDOW = SAMPLE_RATE // 5

# Tones and plucked notes pass for a voice for 160 ms at most; the shortest words take 250.
_VOICE = VadOptions(min_speech_duration_ms=200)
_CLIP_SAMPLES = 30 * SAMPLE_RATE  # what Whisper hears at once


class Whisper:
    """The engine `faster-whisper`."""

    def __init__(self, model: str) -> None:
        """Load a model in CTranslate2's format: a folder, or a name in PACKAGED. Raises EngineUnusable."""
        files = read_packaged(model) if model in PACKAGED else None
        if files is None and not all((Path(model) / name).is_file() for name in _FILES):
            needed, names = ", ".join(_FILES), " or ".join(PACKAGED)
            raise EngineUnusable(f"EARWITNESS_WHISPER_MODEL must name a folder that has {needed}; or {names}")
        # On a processor bytes are as good as floats, and take half the time. A GPU is best asked itself.
        numbers = "default" if ctranslate2.get_cuda_device_count() else "int8"
        try:
            self._model = WhisperModel(
                model, device="auto", compute_type=numbers, local_files_only=True, files=files
            )
        except (RuntimeError, ValueError) as error:
            raise EngineUnusable(f"the model cannot be loaded: {type(error).__name__}") from None
        self._rehearse()

    def transcribe(self, pcm: Iterable[bytes]) -> Transcript:
        language: str | None = None
        segments: list[Segment] = []
        offset = 0.0
        for part in parts(pcm):
            samples = numpy.frombuffer(part, numpy.int16).astype(numpy.float32) / 32768
            if voices := get_speech_timestamps(samples, _VOICE):
                found, about = self._recognise(_without_the_rest(samples, voices), clips(voices), language)
                heard = [
                    Segment(one.text, round(offset + one.start, 2), round(offset + one.end, 2))
                    for one in found
                ]
                if heard and language is None:
                    language = about.language
                segments += heard
            offset += len(part) / SAMPLE_RATE
        return Transcript(language, segments)

    def _recognise(self, samples: Any, clips: list[float], language: str | None) -> Any:
        # What was said before is no reason to hear it again: that is how one wrong sentence becomes many.
        return self._model.transcribe(
            samples, language=language, clip_timestamps=clips, condition_on_previous_text=False
        )

    def _rehearse(self) -> None:
        """Hear nothing, once: what is loaded when it is first needed is loaded before any sound comes."""
        nothing = numpy.zeros(0, numpy.float32)
        get_speech_timestamps(nothing, _VOICE)
        list(self._recognise(nothing, [0], "en")[0])


def clips(voices: list[dict[str, int]]) -> list[float]:
    """Where to listen, in seconds: begin, end, begin, end. Voices that are heard at once are in one clip.

    Whisper could be given what was said without the pauses, but then it takes sentences for one that have
    a minute of ringing between them.
    """
    found = [dict(voices[0])]
    for voice in voices[1:]:
        if voice["end"] - found[-1]["start"] <= _CLIP_SAMPLES:
            found[-1]["end"] = voice["end"]
        else:
            found.append(dict(voice))
    return [clip[at] / SAMPLE_RATE for clip in found for at in ("start", "end")]


def _without_the_rest(samples: Any, voices: list[dict[str, int]]) -> Any:
    """The same sound, silent where there is no voice: Whisper finds words in music."""
    only = numpy.zeros_like(samples)
    for voice in voices:
        only[voice["start"] : voice["end"]] = samples[voice["start"] : voice["end"]]
    return only


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
