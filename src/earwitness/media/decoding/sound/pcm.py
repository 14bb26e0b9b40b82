"""Decoded sound as 16-bit samples of one rate, in blocks, without gaps."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from earwitness.media.decoding.containers.not_media import NotMedia
from earwitness.media.decoding.layouts import frame_of, layout_of, without_speakers
from earwitness.media.decoding.sound.mix import EvenMix, on_each

_BLOCKS_PER_SECOND = 4
SHORTEST_GAP_MS = 100
_LONGEST_GAP_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class SoundLimits:
    """The longest sound, and the most silence to fill its gaps: a few bytes can claim to last for years."""

    longest_seconds: int = 48 * 3600
    most_silence_ms: int = 12 * 3_600_000


USUAL_LIMITS = SoundLimits()


class Pcm:
    """Turns the frames of a track, whatever their shape, into blocks of a quarter of a second.

    The first frame decides the channels, and the rate unless it is given. Later frames of another shape are
    converted: if their number of channels differs, each channel gets the mix of theirs. If the clock of the
    media leaps ahead, because nothing was sent during a pause or a part is lost, silence fills the gap, so
    that times stay right. Raises NotMedia for a sound beyond the limits.
    """

    channels = 0
    samples = 0
    """How many samples were taken so far, per channel, at `rate`."""
    is_damaged = False
    """Whether there were frames that cannot be converted. Silence of the same length replaces them."""

    def __init__(
        self,
        start: Fraction,
        rate: int = 0,
        *,
        beside_others: bool = False,
        clock_is_right: Callable[[], bool] = lambda: True,
        limits: SoundLimits = USUAL_LIMITS,
    ) -> None:
        """`start` is when the media begins. Beside other tracks, the first frame is placed exactly at its
        time.

        `clock_is_right` is called where the clock leaps, and says whether the leap is a gap.
        """
        self._limits = limits
        self.rate = rate
        self._start_seconds = start
        self._beside_others = beside_others
        self._clock_is_right = clock_is_right
        self._fifo = AudioFifo()
        self._resampler = AudioResampler()
        self._shape: tuple[object, ...] = ()
        self._silence_ms = 0

    @property
    def layout(self) -> str:
        return layout_of(self.channels)

    def push(self, frame: AudioFrame) -> Iterator[AudioFrame]:
        if not frame.sample_rate or not frame.layout.nb_channels:
            self.is_damaged = True
            return
        is_first = not self.channels
        if is_first:
            self._begin(frame)
        for silence in self._silence_of(self._missing_before(frame, is_first)):
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
        self.rate = self.rate or frame.sample_rate
        self.channels = frame.layout.nb_channels
        self._start = int(self._start_seconds * self.rate)
        self._tick = Fraction(1, self.rate)

    def _convert(self, frame: AudioFrame) -> list[AudioFrame]:
        shape = (frame.format.name, frame.layout.nb_channels, frame.sample_rate)
        before: list[AudioFrame] = []
        if shape != self._shape:
            before = self._resampled(None)
            self._resampler = AudioResampler("s16", layout_of(frame.layout.nb_channels), self.rate)
            self._shape = shape
        try:
            plain = without_speakers(frame)
            if shape == ("s16", self.channels, self.rate):
                return [*before, plain]
            return before + self._resampled(plain)
        except MemoryError:
            raise
        except (av.FFmpegError, ValueError):
            # Damaged headers can state channels or rates that do not exist.
            self.is_damaged = True
            self._resampler, self._shape = AudioResampler(), ()
            length = frame.samples * self.rate // frame.sample_rate
            return [*before, *self._silence_of(min(length, self._limits.longest_seconds * self.rate))]

    def _resampled(self, frame: AudioFrame | None) -> list[AudioFrame]:
        made = self._resampler.resample(frame)
        if not made or (channels := made[0].layout.nb_channels) == self.channels:
            return made
        mix = EvenMix(self.rate, channels)
        return [on_each(mix.of(one), self.channels) for one in made]

    def _full_blocks(self) -> Iterator[AudioFrame]:
        while block := self._fifo.read(self._block_size):
            yield block

    @property
    def _block_size(self) -> int:
        return self.rate // _BLOCKS_PER_SECOND or 1

    def _take(self, frames: list[AudioFrame]) -> None:
        for frame in frames:
            # The queue refuses frames whose clock leaps, and silence has filled the gap already.
            frame.pts = None
            frame.time_base = self._tick
            self.samples += frame.samples
            self._fifo.write(frame)
        if self.samples > self._limits.longest_seconds * self.rate:
            raise NotMedia

    def _missing_before(self, frame: AudioFrame, is_first: bool) -> int:
        """How many samples of silence belong before a frame."""
        if frame.pts is None or (clock := frame.time_base) is None:
            return 0
        position = frame.pts * clock.numerator * self.rate // clock.denominator - self._start
        missing = position - self.samples
        missing_ms = missing * 1000 // self.rate
        at_its_place = is_first and self._beside_others
        most_silence_ms = self._limits.most_silence_ms
        longest = most_silence_ms if at_its_place else _LONGEST_GAP_MS
        if missing <= 0 or (missing_ms <= SHORTEST_GAP_MS and not at_its_place):
            return 0
        is_gap = missing_ms <= min(longest, most_silence_ms - self._silence_ms)
        if not is_gap or not (at_its_place or self._clock_is_right()):
            # The clock was reset; this is no gap.
            self._start += missing
            return 0
        self._silence_ms += missing_ms
        return missing

    def _silence_of(self, samples: int) -> Iterator[AudioFrame]:
        while samples > 0:
            length = min(samples, self._block_size)
            yield frame_of(bytes(2 * length * self.channels), self.rate, self.channels)
            samples -= length
