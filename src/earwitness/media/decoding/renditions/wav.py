"""The wav rendition: 16-bit PCM with the right length in its header."""

from earwitness.media.decoding.containers.wav_header import wav_header
from earwitness.media.decoding.layouts import samples_of
from earwitness.media.decoding.renditions.original import Original
from earwitness.media.flow import Bytes, Sink


def write_wav(original: Original, most_channels: int | None, sink: Sink) -> None:
    """Write the wav rendition. Raises NotMedia and NoSound."""
    sound = original.mixed(most_channels)
    writer = WavWriter(sink, original.count_samples(), sound.rate, sound.channels)
    for block in sound:
        writer.add(samples_of(block))
    writer.finish()


class WavWriter:
    """Writes exactly as many samples as its header states."""

    def __init__(self, sink: Sink, samples: int, rate: int, channels: int) -> None:
        self._sink = sink
        self._missing = samples * channels * 2
        sink.write(wav_header(samples, rate, channels))

    def add(self, pcm: Bytes) -> None:
        piece = memoryview(pcm)[: self._missing]
        self._sink.write(piece)
        self._missing -= len(piece)

    def finish(self) -> None:
        while self._missing:
            self.add(bytes(min(self._missing, 65536)))
