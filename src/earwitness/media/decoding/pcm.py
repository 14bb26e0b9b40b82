"""Decoded sound in one shape: 16-bit, one rate, one or two channels, in blocks, without gaps."""

from collections.abc import Iterator
from fractions import Fraction

import av
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from earwitness.media.decoding.media import Media, NotMedia

_BLOCKS_PER_SECOND = 4
_SHORTEST_GAP_MS = 100
_LONGEST_GAP_MS = 3_600_000
_MOST_SILENCE_MS = 12 * 3_600_000
# A few bytes can claim to be years of sound.
_LONGEST_SECONDS = 48 * 3600


class Pcm:
    """Turns the frames of a sound, whatever their shape, into blocks of a quarter of a second.

    Rate and channels are those of the first frame, more than `most_channels` mixed down to that many;
    what differs later is converted. Where the media's clock leaps ahead, because nothing was sent while
    nobody spoke or a part is lost, silence is put in, so that a second stays a second. Nothing that goes
    on for days is a recording: then, NotMedia is raised.
    """

    rate = 0
    channels = 0
    source_channels = 0
    samples = 0
    """How many were taken in so far, per channel, at `rate`."""
    is_damaged = False
    """Whether frames came that are none."""

    def __init__(self, start: Fraction, most_channels: int = 2) -> None:
        self._start_seconds = start
        self._most_channels = most_channels
        self._fifo = AudioFifo()
        self._resampler = AudioResampler()
        self._shape: tuple[object, ...] = ()
        self._silence_ms = 0

    @property
    def layout(self) -> str:
        return "mono" if self.channels == 1 else "stereo"

    def push(self, frame: AudioFrame) -> Iterator[AudioFrame]:
        if not self.rate:
            self._begin(frame)
        for silence in self._gap_before(frame):
            self._take([silence])
            yield from self._full_blocks()
        self._take(self._convert(frame))
        yield from self._full_blocks()

    def finish(self) -> Iterator[AudioFrame]:
        self._take(self._resampler.resample(None))
        yield from self._full_blocks()
        if block := self._fifo.read():
            yield block

    def _begin(self, frame: AudioFrame) -> None:
        self.rate = frame.sample_rate
        self.source_channels = frame.layout.nb_channels
        self.channels = min(self.source_channels, self._most_channels)
        self._start = int(self._start_seconds * self.rate)
        self._tick = Fraction(1, self.rate)

    def _convert(self, frame: AudioFrame) -> list[AudioFrame]:
        shape = (frame.format.name, frame.layout.name, frame.sample_rate)
        before: list[AudioFrame] = []
        if shape != self._shape:
            before = self._resampler.resample(None)
            self._resampler = AudioResampler("s16", self.layout, self.rate)
            self._shape = shape
        if shape == ("s16", self.layout, self.rate):
            return [*before, frame]
        try:
            return before + self._resampler.resample(frame)
        except MemoryError:
            raise
        except (av.FFmpegError, ValueError):
            # Damaged headers can name channels or rates that cannot be.
            self.is_damaged = True
            self._resampler, self._shape = AudioResampler(), ()
            return before

    def _full_blocks(self) -> Iterator[AudioFrame]:
        while block := self._fifo.read(self._block_size):
            yield block

    @property
    def _block_size(self) -> int:
        return self.rate // _BLOCKS_PER_SECOND or 1

    def _take(self, frames: list[AudioFrame]) -> None:
        for frame in frames:
            # The queue would refuse a clock that leaps; silence has followed it already.
            frame.pts = None
            frame.time_base = self._tick
            self.samples += frame.samples
            self._fifo.write(frame)
        if self.samples > _LONGEST_SECONDS * self.rate:
            raise NotMedia

    def _gap_before(self, frame: AudioFrame) -> Iterator[AudioFrame]:
        if frame.pts is None or (clock := frame.time_base) is None:
            return
        position = frame.pts * clock.numerator * self.rate // clock.denominator - self._start
        missing = position - self.samples
        missing_ms = missing * 1000 // self.rate
        if missing_ms > min(_LONGEST_GAP_MS, _MOST_SILENCE_MS - self._silence_ms):
            # Not a gap but another clock.
            self._start += missing
        elif missing_ms > _SHORTEST_GAP_MS:
            self._silence_ms += missing_ms
            while missing > 0:
                yield self._silence(min(missing, self._block_size))
                missing -= self._block_size

    def _silence(self, samples: int) -> AudioFrame:
        frame = AudioFrame("s16", self.layout, samples)
        frame.sample_rate = self.rate
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        return frame


def samples_of(block: AudioFrame) -> memoryview:
    """The samples of a block, interleaved, as bytes."""
    size = block.samples * block.layout.nb_channels * 2
    return memoryview(block.planes[0])[:size]


class Sound:
    """All the sound of a recording, in blocks. Its rate and channels are known before the first one.

    With `picture` what is stored of the picture is passed on the way, not decoded, so that the media
    knows when it ends.
    """

    def __init__(self, media: Media, most_channels: int = 2, *, picture: bool = False) -> None:
        """Raises NotMedia if nothing can be heard."""
        self._media = media
        self._picture = media.video if picture else None
        self.pcm = Pcm(media.start, most_channels)
        self._blocks = self._decoded()
        first = next(self._blocks, None)
        if first is None:
            raise NotMedia
        self._first = first

    def __iter__(self) -> Iterator[AudioFrame]:
        yield self._first
        yield from self._blocks

    def _decoded(self) -> Iterator[AudioFrame]:
        audio = self._media.audio
        if audio is None:
            return
        for packet in self._media.packets(audio, self._picture):
            if packet.stream is audio:
                for frame in self._media.decode_audio(packet):
                    yield from self.pcm.push(frame)
        yield from self.pcm.finish()
