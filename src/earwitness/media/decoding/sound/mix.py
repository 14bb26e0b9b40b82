"""Mixes many channels to fewer, with equal shares, without regard to speakers."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Protocol

from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.filter import Graph

from earwitness.media.decoding.layouts import frame_of, layout_of, samples_of

_Step = Callable[[AudioFrame | None], list[AudioFrame]]


class Blocks(Protocol):
    """A sound in blocks."""

    @property
    def rate(self) -> int: ...
    @property
    def channels(self) -> int: ...
    def __iter__(self) -> Iterator[AudioFrame]: ...


class Mixer:
    """Turns blocks of `channels` channels into blocks of at most `most` channels; None keeps all.

    Up to `most` channels stay as they are. More are mixed with equal shares, and each channel of the result
    has the mix. Two channels that are `opposite` would cancel each other out: their mix is one of them.
    """

    def __init__(self, rate: int, channels: int, most: int | None, *, opposite: bool = False) -> None:
        most = channels if most is None else most
        self.channels = min(channels, most)
        self.layout = layout_of(self.channels)
        self._step = _step(rate, channels, most, opposite)

    def add(self, block: AudioFrame | None) -> list[AudioFrame]:
        """Mix a block. None gives what is left at the end."""
        return self._step(block)


class Mixed:
    """A sound that is mixed as it is read."""

    def __init__(self, sound: Blocks, most: int, *, opposite: bool = False) -> None:
        self.rate = sound.rate
        self._sound = sound
        self._mixer = Mixer(sound.rate, sound.channels, most, opposite=opposite)
        self.channels = self._mixer.channels
        self.layout = self._mixer.layout

    def __iter__(self) -> Iterator[AudioFrame]:
        for block in self._sound:
            yield from self._mixer.add(block)
        yield from self._mixer.add(None)


class EvenMix:
    """The mean of all channels of packed 16-bit frames, as one channel."""

    def __init__(self, rate: int, channels: int) -> None:
        self._graph = Graph()
        source = self._graph.add_abuffer(
            sample_rate=rate, format="s16", layout=layout_of(channels), time_base=Fraction(1, rate)
        )
        shares = "+".join(f"{1 / channels}*c{channel}" for channel in range(channels))
        steps = (
            self._graph.add("aformat", "sample_fmts=flt"),
            self._graph.add("pan", f"mono|c0={shares}"),
            self._graph.add("aformat", "sample_fmts=s16"),
        )
        self._graph.link_nodes(source, *steps, self._graph.add("abuffersink")).configure()

    def of(self, block: AudioFrame) -> AudioFrame:
        self._graph.push(block)
        mixed = self._graph.pull()
        assert isinstance(mixed, AudioFrame)  # noqa: S101 - there is only sound in it
        return mixed


def on_each(mono: AudioFrame, channels: int) -> AudioFrame:
    """A frame with the sound of one channel on each of so many channels."""
    sample = samples_of(mono)
    if channels == 1 or not mono.samples:
        return mono
    each = bytearray(len(sample) * channels)
    low, high = bytes(sample[0::2]), bytes(sample[1::2])
    for channel in range(channels):
        each[2 * channel :: 2 * channels] = low
        each[2 * channel + 1 :: 2 * channels] = high
    return frame_of(bytes(each), mono.sample_rate, channels)


def one_of(block: AudioFrame, channel: int) -> AudioFrame:
    """A frame of one channel of another frame."""
    channels = block.layout.nb_channels
    if channels == 1 or not block.samples:
        return block
    every = samples_of(block).cast("h")
    return frame_of(every[channel::channels].tobytes(), block.sample_rate, 1)


def _step(rate: int, channels: int, most: int, opposite: bool) -> _Step:
    if channels <= most:
        return lambda block: [] if block is None else [block]
    if channels == 2 and opposite:
        return lambda block: [] if block is None else [one_of(block, 0)]
    if channels == 2:
        return AudioResampler("s16", layout_of(1), rate).resample
    mix = EvenMix(rate, channels)
    return lambda block: [] if block is None else [on_each(mix.of(block), most)]
