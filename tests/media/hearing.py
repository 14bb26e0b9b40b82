"""Measures what can be heard in a recording: its length, its channels, and which tone is on which side."""

import io
import math
from array import array
from dataclasses import dataclass

import av

from earwitness.kernel.formats import Rendered
from earwitness.media.decoding import jobs
from earwitness.media.decoding.containers.headerless import how_to_read
from earwitness.media.measurement import Hint


class Memory:
    """A recording in memory that counts how much of it is read."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.size = len(content)
        self.taken = 0

    def read(self, start: int, stop: int, /) -> bytes:
        self.taken += stop - start
        return self.content[start:stop]


@dataclass(frozen=True)
class Heard:
    container: str
    codec: str
    rate: int
    sides: list["array[int]"]
    video: str | None
    pictures: int

    @property
    def seconds(self) -> float:
        return len(self.sides[0]) / self.rate if self.sides else 0.0

    def loudness(self, side: int, pitch: float) -> float:
        """How loud a tone is on a side, 0 to 1 (Goertzel's algorithm, over a tenth of a second)."""
        samples = self.sides[side][self.rate // 2 : self.rate * 6 // 10]
        turn = 2 * math.cos(2 * math.pi * pitch / self.rate)
        last = before = 0.0
        for sample in samples:
            last, before = sample / 32768 + turn * last - before, last
        return math.sqrt(max(last * last + before * before - turn * last * before, 0)) * 2 / len(samples)


def reading_as(hint: Hint | None) -> tuple[str | None, dict[str, str]]:
    """The format in which FFmpeg reads a recording, and its options. None lets it detect the format."""
    return (None, {}) if hint is None else how_to_read(hint)


def hear(content: bytes, hint: Hint | None = None) -> Heard:
    """Decode a whole recording with plain FFmpeg."""
    format_, options = reading_as(hint)
    with av.open(io.BytesIO(content), "r", format=format_, options=options) as media:
        container = media.format.name
        codec, rate = "", 0
        sides: list[array[int]] = []
        if media.streams.audio:
            stream = media.streams.audio[0]
            codec, rate = stream.codec_context.codec.canonical_name, stream.sample_rate
            sides = [array("h") for _ in range(stream.channels)]
            resampler = av.AudioResampler("s16p", stream.layout.name, rate)
            for frame in [*media.decode(stream), None]:
                for planar in resampler.resample(frame):
                    for side, plane in zip(sides, planar.planes, strict=True):
                        side.frombytes(bytes(plane)[: planar.samples * 2])
    with av.open(io.BytesIO(content), "r", format=format_, options=options) as media:
        video, pictures = None, 0
        if media.streams.video:
            video = media.streams.video[0].codec_context.codec.canonical_name
            pictures = len(list(media.decode(video=0)))
    return Heard(container, codec, rate, sides, video, pictures)


def rendered(
    content: bytes, format_: Rendered, samples: int | None = None, hint: Hint | None = None
) -> bytes:
    """A rendition. It is made in this process, since starting a process for each would take too long."""
    sink = io.BytesIO()
    jobs.render(io.BytesIO(content), format_, samples, sink, hint)
    return sink.getvalue()
