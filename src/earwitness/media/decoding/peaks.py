"""The waveform: how loud each eighth of a second is."""

from fractions import Fraction

from av.audio.frame import AudioFrame
from av.filter import Graph

from earwitness.media.measurement import PEAKS_PER_SECOND

# Samples of 8 bits lie around 128. Scaled down so far, full scale is 100 away from there.
_SCALE = 100 / 128
_LOUDNESS = bytes(abs(sample - 128) for sample in range(256))


class Peaks:
    """The loudest sample of each window over the mix of all channels, 0 to 100 for 0.00 to 1.00.

    Window n covers the samples from n · rate / 8 up to (n + 1) · rate / 8, each rounded down, so the
    windows keep time at any rate. Channels are one or two, their samples 16-bit.
    """

    def __init__(self, rate: int, channels: int) -> None:
        self._rate = rate
        self._mix = _mix_of(rate, channels)
        self._pending = bytearray()
        self._peaks = bytearray()

    def add(self, block: AudioFrame) -> None:
        self._mix.push(block)
        mixed = self._mix.pull()
        assert isinstance(mixed, AudioFrame)  # noqa: S101 - there is only sound in it
        self._pending += bytes(mixed.planes[0])[: mixed.samples].translate(_LOUDNESS)
        begin = 0
        while (end := begin + self._next_window()) <= len(self._pending):
            self._close(self._pending[begin:end])
            begin = end
        del self._pending[:begin]

    def finish(self) -> bytes:
        """All peaks; the last window may be shorter than the others."""
        if self._pending:
            self._close(self._pending)
            self._pending = bytearray()
        return bytes(self._peaks)

    def _next_window(self) -> int:
        number = len(self._peaks)
        return (number + 1) * self._rate // PEAKS_PER_SECOND - number * self._rate // PEAKS_PER_SECOND

    def _close(self, window: bytearray) -> None:
        self._peaks.append(max(window, default=0))


def _mix_of(rate: int, channels: int) -> Graph:
    """What turns blocks into the mix of their channels, in samples of 8 bits."""
    graph = Graph()
    layout = "mono" if channels == 1 else "stereo"
    source = graph.add_abuffer(sample_rate=rate, format="s16", layout=layout, time_base=Fraction(1, rate))
    shares = "+".join(f"{_SCALE / channels}*c{channel}" for channel in range(channels))
    steps = (
        graph.add("aformat", "sample_fmts=flt"),
        graph.add("pan", f"mono|c0={shares}"),
        graph.add("aformat", "sample_fmts=u8"),
    )
    graph.link_nodes(source, *steps, graph.add("abuffersink")).configure()
    return graph
