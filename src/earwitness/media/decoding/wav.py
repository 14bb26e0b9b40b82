"""The wav rendition: 16-bit PCM with the right length in its header."""

import struct

from earwitness.media.flow import Bytes, Sink

_RIFF_LIMIT = 0xFFFF_FFFF


def wav_header(samples: int, rate: int, channels: int) -> bytes:
    """The header before `samples` 16-bit samples per channel.

    RIFF, or beyond 4 GiB RF64 (EBU Tech 3306), whose lengths have 64 bits.
    """
    frame_size = 2 * channels
    data_size = samples * frame_size
    layout = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, rate, rate * frame_size, frame_size, 16)
    riff_size = 4 + len(layout) + 8 + data_size
    if riff_size <= _RIFF_LIMIT:
        return struct.pack("<4sI4s", b"RIFF", riff_size, b"WAVE") + layout + _data(data_size)
    sizes = struct.pack("<4sIQQQI", b"ds64", 28, riff_size + 36, data_size, samples, 0)
    return struct.pack("<4sI4s", b"RF64", _RIFF_LIMIT, b"WAVE") + sizes + layout + _data(_RIFF_LIMIT)


def wav_size(samples: int, rate: int, channels: int) -> int:
    """The length of a wav of `samples` 16-bit samples per channel, in bytes."""
    return len(wav_header(samples, rate, channels)) + samples * channels * 2


class WavWriter:
    """Writes exactly as many samples as its header promises."""

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


def _data(size: int) -> bytes:
    return struct.pack("<4sI", b"data", size)
