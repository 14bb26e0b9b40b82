"""The first frame of an mp3: how many frames follow, and which of their samples do not belong to the
recording.

LAME puts 576 samples before the sound and fills up the last frame; decoders put 529 more samples before it.
Players that read this frame skip all of these, so that the sound begins and ends where the recording does.
LAME itself writes the same frame (Xing's "Info" with LAME's extension) when it can go back to the start of
the file. The frame has no table for seeking, which a constant bit rate does not need.
"""

import struct
from dataclasses import dataclass

_DELAY = 576
_ENCODER = b"LAME3.100"
_HAS_FRAMES_AND_BYTES = 3
_CONSTANT_BIT_RATE = 1
# Masks for a frame's header: without a byte of padding, and without joint stereo.
_NOT_PADDED = 0xFD
_NOT_JOINED = 0xCF


@dataclass(frozen=True, slots=True)
class Frames:
    """The frames that LAME makes of `samples` samples, at a rate in Hz and a constant bit rate in kbit/s."""

    samples: int
    rate: int
    channels: int
    kilobits: int

    @property
    def count(self) -> int:
        return (_DELAY + self.samples + self.padding) // self._samples_each

    @property
    def padding(self) -> int:
        """How many samples follow the sound. They are enough for a decoder to return all of the sound."""
        padding = self._samples_each - (_DELAY + self.samples) % self._samples_each
        return padding if padding >= _DELAY else padding + self._samples_each

    @property
    def size(self) -> int:
        """The size of all frames in bytes. If a frame is no whole number of bytes, some are longer by one."""
        each, rest = divmod(self._bits_each // 8, self.rate)
        return self.count * each - (-(self.count - 1) * rest // self.rate)

    @property
    def first_size(self) -> int:
        return self._bits_each // 8 // self.rate

    @property
    def _is_mpeg_1(self) -> bool:
        return self.rate >= 32000

    @property
    def _samples_each(self) -> int:
        return 1152 if self._is_mpeg_1 else 576

    @property
    def _bits_each(self) -> int:
        """The bits of one frame, times the rate."""
        return self._samples_each * self.kilobits * 1000

    @property
    def side_size(self) -> int:
        """The size of the side information after a frame's header, in bytes."""
        if self._is_mpeg_1:
            return 17 if self.channels == 1 else 32
        return 9 if self.channels == 1 else 17


def info_frame(frames: Frames, first: bytes) -> bytes:
    """The frame to write before `frames`. `first` has the bytes of the first of them."""
    header = bytes((first[0], first[1], first[2] & _NOT_PADDED, first[3] & _NOT_JOINED))
    size = frames.first_size + frames.size
    xing = struct.pack(">4sIII", b"Info", _HAS_FRAMES_AND_BYTES, frames.count, size)
    # The zeros: lowpass, peak, gains, flags, and fields that need the encoder's statistics.
    lame = struct.pack(">9sB10xB", _ENCODER, _CONSTANT_BIT_RATE, min(frames.kilobits, 255))
    delays = (_DELAY << 12 | frames.padding).to_bytes(3, "big")
    lame += delays + struct.pack(">4xI2x", size)
    tag = header + bytes(frames.side_size) + xing + lame
    return (tag + _crc16(tag).to_bytes(2, "big")).ljust(frames.first_size, b"\0")


def _crc16(data: bytes) -> int:
    """LAME's CRC-16: x^16 + x^15 + x^2 + 1, lowest bit first, starting at 0."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc
