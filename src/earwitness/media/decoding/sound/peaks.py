"""The waveform: the loudest sample of each eighth of a second, for each channel."""

from earwitness.media.measurement import PEAKS_PER_SECOND

_FULL_SCALE = 127
# The loudness for each upper byte of a 16-bit sample, which is signed: 0 to 127, then −128 to −1. Negative
# ones are rounded away from zero, so that both halves of a wave are equally loud.
_LOUDNESS = bytes(round(min(byte, 255 - byte) * 100 / _FULL_SCALE) for byte in range(256))
_UP_TO = [bytes(range(loudest + 1)) for loudest in range(256)]
_GLANCE = 32


class Peaks:
    """The loudest sample of each window, 0 to 100 for 0.00 to 1.00, of each channel.

    Window n covers the samples from n · rate / 8 up to (n + 1) · rate / 8, each rounded down, so the
    windows keep time at any rate.
    """

    def __init__(self, rate: int, channels: int) -> None:
        self._rate = rate
        self._pending = [bytearray() for _ in range(channels)]
        self._peaks = [bytearray() for _ in range(channels)]

    def add(self, pcm: bytes) -> None:
        """Add 16-bit samples, interleaved."""
        channels = len(self._pending)
        for channel, pending in enumerate(self._pending):
            pending += pcm[2 * channel + 1 :: 2 * channels].translate(_LOUDNESS)
        begin = 0
        while (end := begin + self._next_window()) <= len(self._pending[0]):
            for pending, peaks in zip(self._pending, self._peaks, strict=True):
                peaks.append(_loudest(pending[begin:end]))
            begin = end
        for pending in self._pending:
            del pending[:begin]

    def finish(self) -> list[bytes]:
        """All peaks of each channel. The last window may be shorter than the others."""
        for pending, peaks in zip(self._pending, self._peaks, strict=True):
            if pending:
                peaks.append(_loudest(pending))
            pending.clear()
        return [bytes(peaks) for peaks in self._peaks]

    def _next_window(self) -> int:
        number = len(self._peaks[0])
        return (number + 1) * self._rate // PEAKS_PER_SECOND - number * self._rate // PEAKS_PER_SECOND


def loudest_of(channels: list[bytes]) -> bytes:
    """The peaks of the loudest channel, window by window."""
    return channels[0] if len(channels) == 1 else bytes(map(max, *channels))


def _loudest(window: bytearray) -> int:
    # To drop all samples that are not louder than one of them takes a tenth of the time of comparing each.
    loudest = max(window[:_GLANCE], default=0)
    while window := window.translate(None, _UP_TO[loudest]):
        loudest = max(window[:_GLANCE])
    return loudest
