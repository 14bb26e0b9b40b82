"""Several recordings that are joined in one file, read as one wav.

The wav is made while it is read, once from its start to its end, so that only a moment of it is in memory.
"""

from array import array
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Protocol

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from earwitness.media.decoding.containers.losses import Losses
from earwitness.media.decoding.containers.not_media import NotMedia
from earwitness.media.decoding.containers.wav_header import endless_wav_header
from earwitness.media.decoding.layouts import MOST_CHANNELS, samples_of, without_speakers
from earwitness.media.flow import File

_HIGHEST_RATE = 48_000


class Part(Protocol):
    """One of the recordings, opened: what `MediaFile` has that is needed here."""

    @property
    def audio(self) -> AudioStream | None: ...

    @property
    def video(self) -> VideoStream | None: ...

    def packets(self, *streams: Stream | None) -> Iterator["Packet[Stream]"]: ...

    def decode_audio(self, packet: "Packet[Stream]") -> list[AudioFrame]: ...

    def not_decoded(self, heard: Fraction) -> str: ...


class Joined:
    """A wav of 16-bit samples, which can be read only from its start to its end.

    It has the most channels and the highest sample rate of its parts. A part of one channel is on both sides.
    """

    def __init__(self, parts: Sequence[File], open_part: Callable[[File], Part], losses: Losses) -> None:
        """What cannot be decoded of the parts is added to `losses` while they are read. Raises NotMedia."""
        self._parts = parts
        self._open_part = open_part
        self._losses = losses
        self.rate, self.channels = 0, 0
        for part in parts:
            self._note_shape(part)
        if not self.channels:
            raise NotMedia
        self._pieces = self._wav()
        self._rest = memoryview(b"")

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = memoryview(piece)
        taken, self._rest = self._rest[:size], self._rest[size:]
        return bytes(taken)

    def _note_shape(self, part: File) -> None:
        try:
            audio = self._open_part(part).audio
        except NotMedia:
            return
        if audio is not None:
            if not self.rate or self.rate < audio.sample_rate <= _HIGHEST_RATE:
                self.rate = audio.sample_rate
            self.channels = min(max(self.channels, audio.channels), MOST_CHANNELS)

    def _wav(self) -> Iterator[bytes]:
        yield endless_wav_header(self.rate, self.channels)
        for number, part in enumerate(self._parts, start=1):
            try:
                opened = self._open_part(part)
            except NotMedia:
                self._add_loss(number, "could not be decoded")
                continue
            if opened.video is not None:
                self._add_loss(number, "is heard without its picture")
            if opened.audio is None:
                continue
            samples = 0
            for piece in self._decoded(opened, number):
                samples += len(piece) // (2 * self.channels)
                yield piece
            if loss := opened.not_decoded(Fraction(samples, self.rate)):
                self._losses.notes.append(f"in recording {number} of {len(self._parts)}: {loss}")

    def _add_loss(self, number: int, what: str) -> None:
        self._losses.notes.append(f"recording {number} of the {len(self._parts)} in this file {what}")

    def _decoded(self, opened: Part, number: int) -> Iterator[bytes]:
        resampler, shape = AudioResampler(), ("", "", 0)
        try:
            for packet in opened.packets(opened.audio):
                for frame in map(without_speakers, opened.decode_audio(packet)):
                    if (now := (frame.format.name, frame.layout.name, frame.sample_rate)) != shape:
                        yield from map(self._widened, resampler.resample(None))
                        resampler, shape = AudioResampler("s16", frame.layout.name, self.rate), now
                    yield from map(self._widened, resampler.resample(frame))
            yield from map(self._widened, resampler.resample(None))
        except MemoryError:
            raise
        except (av.FFmpegError, ValueError):
            self._add_loss(number, "could not be heard whole")

    def _widened(self, frame: AudioFrame) -> bytes:
        """The samples of a frame, interleaved, in all channels. A single channel is put on both sides."""
        channels = frame.layout.nb_channels
        samples = array("h", bytes(samples_of(frame)))
        if channels == self.channels:
            return samples.tobytes()
        widened = array("h", bytes(frame.samples * self.channels * 2))
        for channel in range(self.channels):
            if channel < channels:
                widened[channel :: self.channels] = samples[channel::channels]
            elif channels == 1 and channel == 1:
                widened[channel :: self.channels] = samples
        return widened.tobytes()
