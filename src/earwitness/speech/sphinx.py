"""Pocketsphinx: English, offline, with the model in its package. It needs clear, wide-band speech."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pocketsphinx import Config, Decoder, Endpointer

from earwitness.speech.engine import SAMPLE_RATE, ChannelTranscript, Segment

_LONGEST_SECONDS = 30
_BYTES_A_SECOND = SAMPLE_RATE * 2

# The number that pocketsphinx adds to a word with several pronunciations: `read(2)`.
_VARIANT = re.compile(r"\(\d+\)")


@dataclass(frozen=True, slots=True)
class Utterance:
    """Speech between two pauses: 16-bit samples, and when it begins, in seconds."""

    start: float
    pcm: bytes

    @property
    def end(self) -> float:
        return self.start + len(self.pcm) / _BYTES_A_SECOND


class Sphinx:
    """The engine `pocketsphinx`."""

    def __init__(self) -> None:
        self._decoder = Decoder(Config(loglevel="FATAL"))

    def transcribe(self, pcm: Iterable[bytes]) -> ChannelTranscript:
        segments = [segment for utterance in utterances(pcm) if (segment := self._recognise(utterance))]
        return ChannelTranscript("en" if segments else None, segments)

    def _recognise(self, utterance: Utterance) -> Segment | None:
        self._decoder.start_utt()
        self._decoder.process_raw(utterance.pcm, full_utt=True)
        self._decoder.end_utt()
        hypothesis = self._decoder.hyp()
        text = _VARIANT.sub("", hypothesis.hypstr).strip() if hypothesis else ""
        return Segment(text, round(utterance.start, 2), round(utterance.end, 2)) if text else None


def utterances(pcm: Iterable[bytes]) -> Iterator[Utterance]:
    """Find the speech in a sound. Speech without a pause is cut after half a minute."""
    endpointer = Endpointer(sample_rate=SAMPLE_RATE)
    start, heard = 0.0, bytearray()
    for frame, is_last in _frames(pcm, endpointer.frame_bytes):
        speech = endpointer.end_stream(frame) if is_last else endpointer.process(frame)
        if speech is not None:
            if not heard:
                start = endpointer.speech_start
            heard += speech
        ended = is_last or not endpointer.in_speech
        if heard and (ended or len(heard) >= _LONGEST_SECONDS * _BYTES_A_SECOND):
            yield (utterance := Utterance(start, bytes(heard)))
            start = utterance.end
            heard.clear()


def _frames(pcm: Iterable[bytes], size: int) -> Iterator[tuple[bytes, bool]]:
    """The sound in frames of one size, each with whether it is the last. The last may be shorter."""
    pending = bytearray()
    for piece in pcm:
        pending += piece
        while len(pending) > size:
            yield bytes(pending[:size]), False
            del pending[:size]
    if pending:
        yield bytes(pending), True
