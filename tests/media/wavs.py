"""Wavs of any number of channels, written and read here, since no library supports them all."""

import struct
from array import array
from dataclasses import dataclass

_PCM = 1
_EXTENSIBLE = 0xFFFE
_GUID = bytes.fromhex("000000001000800000aa00389b71")


@dataclass(frozen=True)
class Wav:
    """The header of a wav. `speakers` is the mask of speakers, None if it has none."""

    rate: int
    channels: list["array[int]"]
    speakers: int | None


def write_wav(channels: list["array[int]"], rate: int, speakers: int | None = None) -> bytes:
    """A wav of 16-bit samples, all channels of one length."""
    count = len(channels)
    format_ = struct.pack("<HHIIHH", _PCM, count, rate, rate * count * 2, count * 2, 16)
    if speakers is not None:
        format_ = struct.pack("<H", _EXTENSIBLE) + format_[2:]
        format_ += struct.pack("<HHIH", 22, 16, speakers, _PCM) + _GUID
    data = interleaved(channels)
    chunks = (
        struct.pack("<4sI", b"fmt ", len(format_)) + format_ + struct.pack("<4sI", b"data", len(data)) + data
    )
    return struct.pack("<4sI4s", b"RIFF", 4 + len(chunks), b"WAVE") + chunks


def read_wav(content: bytes) -> Wav:
    assert (content[:4], content[8:16]) == (b"RIFF", b"WAVEfmt ")
    assert struct.unpack_from("<I", content, 4)[0] == len(content) - 8
    (size,) = struct.unpack_from("<I", content, 16)
    tag, count, rate, byte_rate, align, bits = struct.unpack_from("<HHIIHH", content, 20)
    assert (byte_rate, align, bits) == (rate * count * 2, count * 2, 16)
    speakers = None
    if tag == _EXTENSIBLE:
        extra, valid_bits, speakers, codec = struct.unpack_from("<HHIH", content, 36)
        assert (size, extra, valid_bits, codec) == (40, 22, 16, _PCM)
        assert content[46:60] == _GUID
    else:
        assert (size, tag) == (16, _PCM)
    name, length = struct.unpack_from("<4sI", content, 20 + size)
    samples = array("h", content[28 + size :])
    assert (name, length) == (b"data", len(samples) * 2)
    return Wav(rate, [samples[channel::count] for channel in range(count)], speakers)


def interleaved(channels: list["array[int]"]) -> bytes:
    every = array("h", bytes(2 * len(channels) * len(channels[0])))
    for number, samples in enumerate(channels):
        every[number :: len(channels)] = samples
    return every.tobytes()


def caf(channels: list["array[int]"], rate: int, speakers: list[int]) -> bytes:
    """A Core Audio file that names the speaker of each channel, in any order."""
    count = len(channels)
    described = b"".join(struct.pack(">IIfff", speaker, 0, 0, 0, 0) for speaker in speakers)
    samples = array("h", interleaved(channels))
    samples.byteswap()
    chunks = {
        b"desc": struct.pack(">d4sIIIII", rate, b"lpcm", 0, 2 * count, 1, count, 16),
        b"chan": struct.pack(">III", 0, 0, count) + described,
        b"data": bytes(4) + samples.tobytes(),
    }
    written = (name + struct.pack(">q", len(chunk)) + chunk for name, chunk in chunks.items())
    return b"caff" + struct.pack(">HH", 1, 0) + b"".join(written)
