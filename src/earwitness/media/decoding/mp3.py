"""The mp3 rendition: constant bit rate, so that players know its length without an index."""

import lameenc
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from earwitness.media.decoding.layouts import samples_of
from earwitness.media.decoding.rates import bits_per_channel, nearest_rate
from earwitness.media.flow import Sink

_QUALITY = 7
"""Of LAME's 0 to 9: at these bit rates speech sounds the same, and 2 takes four times as long."""


class Mp3Writer:
    """Encodes blocks of sound into frames of MPEG audio layer III, one after the other.

    What one party says does not leak into the other's side: `docs/decisions/0014` has how that was measured.
    """

    def __init__(self, sink: Sink, rate: int, layout: str) -> None:
        self._sink = sink
        channels = 1 if layout == "mono" else 2
        valid = nearest_rate(rate)
        self._resampler = AudioResampler("s16", layout, valid)
        self._encoder = lameenc.Encoder()
        self._encoder.silence()
        self._encoder.set_channels(channels)
        self._encoder.set_in_sample_rate(valid)
        self._encoder.set_out_sample_rate(valid)
        self._encoder.set_bit_rate(bits_per_channel(valid) * channels // 1000)
        self._encoder.set_quality(_QUALITY)

    def add(self, block: AudioFrame | None) -> None:
        """Encode a block, or with None what is left at the end."""
        for frame in self._resampler.resample(block):
            self._sink.write(bytes(self._encoder.encode(bytes(samples_of(frame)))))
        if block is None:
            self._sink.write(bytes(self._encoder.flush()))
