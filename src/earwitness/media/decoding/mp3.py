"""The mp3 rendition: constant bit rate, so that players know its length without an index."""

from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.codec import CodecContext

from earwitness.media.decoding.rates import bits_per_channel, nearest_rate
from earwitness.media.flow import Sink

# Sides are coded apart, so that what one party says does not leak into the other's.
_OPTIONS = {"joint_stereo": "0", "compression_level": "7"}


class Mp3Writer:
    """Encodes blocks of sound into frames of MPEG audio layer III, one after the other."""

    def __init__(self, sink: Sink, rate: int, layout: str) -> None:
        self._sink = sink
        encoder: AudioCodecContext = CodecContext.create("libmp3lame", "w")
        encoder.sample_rate = nearest_rate(rate)
        encoder.layout = layout
        encoder.format = "s16p"
        encoder.bit_rate = bits_per_channel(encoder.sample_rate) * encoder.channels
        encoder.options = dict(_OPTIONS)
        self._encoder = encoder

    def add(self, block: AudioFrame | None) -> None:
        """Encode a block, or with None what is left at the end."""
        for packet in self._encoder.encode(block):
            self._sink.write(bytes(packet))
