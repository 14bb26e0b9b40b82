"""The waveform: how loud each eighth of a second is."""

from array import array

from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from earwitness.media.decoding.pcm import samples_of
from earwitness.media.measurement import PEAKS_PER_SECOND

_FULL_SCALE = 32768


class Peaks:
    """The loudest sample of each window over the mix of all channels, 0 to 100 for 0.00 to 1.00.

    Window n covers the samples from n · rate / 8 up to (n + 1) · rate / 8, each rounded down, so the
    windows keep time at any rate.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._mono = AudioResampler("s16", "mono", rate)
        self._pending = array("h")
        self._peaks = bytearray()

    def add(self, block: AudioFrame) -> None:
        for mono in self._mono.resample(block):
            self._pending.frombytes(samples_of(mono))
        begin = 0
        while (end := begin + self._next_window()) <= len(self._pending):
            self._close(self._pending[begin:end])
            begin = end
        del self._pending[:begin]

    def finish(self) -> bytes:
        """All peaks; the last window may be shorter than the others."""
        if self._pending:
            self._close(self._pending)
            self._pending = array("h")
        return bytes(self._peaks)

    def _next_window(self) -> int:
        number = len(self._peaks)
        return (number + 1) * self._rate // PEAKS_PER_SECOND - number * self._rate // PEAKS_PER_SECOND

    def _close(self, window: "array[int]") -> None:
        peak = max(max(window), -min(window)) if window else 0
        self._peaks.append((peak * 100 + _FULL_SCALE // 2) // _FULL_SCALE)
