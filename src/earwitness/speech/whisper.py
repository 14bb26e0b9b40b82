"""Whisper, by faster-whisper: many languages, with a model on this machine."""

from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import ctranslate2
import numpy
from faster_whisper import WhisperModel
from faster_whisper.vad import VadOptions, get_speech_timestamps

from earwitness.speech.engine import SAMPLE_RATE, ChannelTranscript, EngineUnusable, Segment
from earwitness.speech.models import PACKAGED, read_packaged

_FILES = ("model.bin", "config.json", "tokenizer.json")

# A long recording is transcribed in parts, so that memory does not grow with its length.
_PART_SECONDS = 600
# A part ends at the quietest moment of this many seconds at its end.
_QUIET_WITHIN_SECONDS = 30
_WINDOW = SAMPLE_RATE // 5

# Tones and plucked notes look like a voice for up to 160 ms; the shortest words take 250 ms.
_VOICE = VadOptions(min_speech_duration_ms=200)
_CLIP_SAMPLES = 30 * SAMPLE_RATE  # the longest sound that Whisper takes at once


class Whisper:
    """The engine `faster-whisper`."""

    def __init__(
        self,
        model: str,
        *,
        part_seconds: int = _PART_SECONDS,
        quiet_within_seconds: int = _QUIET_WITHIN_SECONDS,
    ) -> None:
        """Load a model in CTranslate2's format: a folder, or a name in PACKAGED. Raises EngineUnusable."""
        self._part_seconds, self._quiet_within_seconds = part_seconds, quiet_within_seconds
        files = read_packaged(model) if model in PACKAGED else None
        if files is None and not all((Path(model) / name).is_file() for name in _FILES):
            needed, names = ", ".join(_FILES), " or ".join(PACKAGED)
            raise EngineUnusable(f"EARWITNESS_WHISPER_MODEL must name a folder that has {needed}; or {names}")
        # On a processor, 8-bit integers are as good as floats and take half the time. For a GPU, CTranslate2
        # chooses.
        numbers = "default" if ctranslate2.get_cuda_device_count() else "int8"
        try:
            self._model = WhisperModel(
                model, device="auto", compute_type=numbers, local_files_only=True, files=files
            )
        except (RuntimeError, ValueError) as error:
            raise EngineUnusable(f"the model cannot be loaded: {type(error).__name__}") from None
        self._rehearse()

    def transcribe(self, pcm: Iterable[bytes]) -> ChannelTranscript:
        language: str | None = None
        segments: list[Segment] = []
        offset = 0.0
        for part in parts(pcm, self._part_seconds, self._quiet_within_seconds):
            samples = numpy.frombuffer(part, numpy.int16).astype(numpy.float32) / 32768
            if voices := get_speech_timestamps(samples, _VOICE):
                found, about = self._recognise(_voices_only(samples, voices), clips(voices), language)
                heard = [
                    Segment(one.text, round(offset + one.start, 2), round(offset + one.end, 2))
                    for one in found
                ]
                if heard and language is None:
                    language = about.language
                segments += heard
            offset += len(part) / SAMPLE_RATE
        return ChannelTranscript(language, segments)

    def _recognise(self, samples: Any, clips: list[float], language: str | None) -> Any:
        # Whisper must not see its text of the clip before: it would repeat one wrong sentence again and
        # again.
        return self._model.transcribe(
            samples, language=language, clip_timestamps=clips, condition_on_previous_text=False
        )

    def _rehearse(self) -> None:
        """Transcribe silence once, so that libraries load everything before the process is confined."""
        nothing = numpy.zeros(0, numpy.float32)
        get_speech_timestamps(nothing, _VOICE)
        list(self._recognise(nothing, [0], "en")[0])


def clips(voices: list[dict[str, int]]) -> list[float]:
    """The clips to transcribe, in seconds: begin, end, begin, end, … Voices share a clip if they fit into it.

    Clips keep their pauses. Otherwise Whisper joins sentences that have a minute of ringing between them.
    """
    found = [dict(voices[0])]
    for voice in voices[1:]:
        if voice["end"] - found[-1]["start"] <= _CLIP_SAMPLES:
            found[-1]["end"] = voice["end"]
        else:
            found.append(dict(voice))
    return [clip[at] / SAMPLE_RATE for clip in found for at in ("start", "end")]


def _voices_only(samples: Any, voices: list[dict[str, int]]) -> Any:
    """The same sound, but silent where there is no voice. Otherwise Whisper would find words in music."""
    only = numpy.zeros_like(samples)
    for voice in voices:
        only[voice["start"] : voice["end"]] = samples[voice["start"] : voice["end"]]
    return only


def parts(
    pcm: Iterable[bytes], part_seconds: int = _PART_SECONDS, quiet_within_seconds: int = _QUIET_WITHIN_SECONDS
) -> Iterator["array[int]"]:
    """The sound in parts of at most `part_seconds`, each but the last ending where it is quietest."""
    part_samples = part_seconds * SAMPLE_RATE
    pending = array("h")
    for piece in pcm:
        pending.frombytes(piece)
        while len(pending) >= part_samples:
            end = _quietest(pending, part_samples, quiet_within_seconds)
            yield pending[:end]
            del pending[:end]
    if pending:
        yield pending


def _quietest(samples: "array[int]", before: int, within_seconds: int) -> int:
    """The middle of the quietest fifth of a second, in the last `within_seconds` before a sample."""
    begins = range(before - within_seconds * SAMPLE_RATE, before - _WINDOW, _WINDOW)
    quietest = min(begins, key=lambda begin: sum(map(abs, samples[begin : begin + _WINDOW : 8])))
    return quietest + _WINDOW // 2
