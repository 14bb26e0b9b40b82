"""The mp3 rendition, with a constant bit rate, so that players know its length without an index."""

import lameenc
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from earwitness.media.decoding.layouts import samples_of
from earwitness.media.decoding.renditions.info_tag import Frames, info_frame
from earwitness.media.decoding.renditions.original import Original
from earwitness.media.decoding.renditions.rates import bits_per_channel, nearest_rate
from earwitness.media.flow import Bytes, Sink

_QUALITY = 7
"""LAME's quality, 0 to 9. At these bit rates speech sounds as good as at 2, in a quarter of the time."""


def write_mp3(original: Original, most_channels: int | None, sink: Sink) -> None:
    """Write the mp3 rendition. Raises NotMedia and NoSound."""
    sound = original.mixed(most_channels)
    writer = Mp3Writer(sink, sound.rate, sound.layout, original.count_samples())
    for block in sound:
        writer.add(block)
    writer.add(None)


class Mp3Writer:
    """Encodes blocks of sound into frames of MPEG audio layer III.

    The first frame states how many samples there are: `samples`, at the rate of the sound. If that is not
    known, all frames are held until the end. If the sound has another length, it is cut or filled with
    silence. What one party says does not leak into the channel of the other: see
    `docs/decisions/0014-lame-encoder-for-mp3.md`.
    """

    def __init__(self, sink: Sink, rate: int, layout: str, samples: int | None = None) -> None:
        self._sink = sink
        self._rate = rate
        self._channels = 1 if layout == "mono" else 2
        self._valid = nearest_rate(rate)
        self._kilobits = bits_per_channel(self._valid) * self._channels // 1000
        self._promised = samples
        self._taken = 0
        self._encoded = 0
        self._is_begun = False
        self._held: list[bytes] = []
        self.held_bytes = 0
        self._resampler = AudioResampler("s16", layout, self._valid)
        self._encoder = lameenc.Encoder()
        self._encoder.silence()
        self._encoder.set_channels(self._channels)
        self._encoder.set_in_sample_rate(self._valid)
        self._encoder.set_out_sample_rate(self._valid)
        self._encoder.set_bit_rate(self._kilobits)
        self._encoder.set_quality(_QUALITY)

    def add(self, block: AudioFrame | None) -> None:
        """Encode a block. None encodes what is left at the end."""
        self._taken += block.samples if block is not None else 0
        for frame in self._resampler.resample(block):
            self._encode(samples_of(frame))
        if block is None:
            self._finish()

    def _finish(self) -> None:
        if self._promised is None:
            self._promised = self._taken
            for mp3 in self._held:
                self._write(mp3)
        # The resampling filter drops the end of a sound, and a very short sound as a whole.
        while missing := self._length - self._encoded:
            self._encode(bytes(min(missing, self._valid) * self._channels * 2))
        self._write(bytes(self._encoder.flush()))

    def _encode(self, pcm: Bytes) -> None:
        if self._promised is not None:
            pcm = memoryview(pcm)[: (self._length - self._encoded) * self._channels * 2]
        if pcm:
            self._encoded += len(pcm) // self._channels // 2
            self._write(bytes(self._encoder.encode(bytes(pcm))))

    def _write(self, mp3: bytes) -> None:
        if self._promised is None:
            self._held.append(mp3)
            self.held_bytes += len(mp3)
        elif mp3:
            if not self._is_begun:
                self._is_begun = True
                self._sink.write(info_frame(self._frames, mp3))
            self._sink.write(mp3)

    @property
    def _frames(self) -> Frames:
        return Frames(self._length, self._valid, self._channels, self._kilobits)

    @property
    def _length(self) -> int:
        """The length in samples at the rate of the mp3."""
        return -(-(self._promised or 0) * self._valid // self._rate)
