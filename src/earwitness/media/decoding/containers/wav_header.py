"""The header of a wav: how one is written, and what one says about its sound."""

import struct

from earwitness.media.flow import File

_RIFF_LIMIT = 0xFFFF_FFFF
_PCM = 1
_A_LAW, _MU_LAW = 6, 7
_FLOAT = 3
_EXTENSIBLE = 0xFFFE
# A GUID names a codec by its number, in two bytes, and these bytes (RFC 2361).
_GUID = bytes.fromhex("000000001000800000aa00389b71")
_MOST_PLAIN_CHANNELS = 2
# Chunks may come before the format. No recorder writes more of them than this.
_BEGINNING = 64 * 1024


def holds_pcm(file: File) -> bool:
    """Whether this is a wav in which each sample is stored by itself."""
    beginning = file.read(_BEGINNING)
    file.seek(0)
    place = beginning.find(b"fmt ", 12) + 8
    if beginning[8:12] != b"WAVE" or place < len(b"fmt ") + 8 or len(beginning) < place + 2:
        return False
    (codec,) = struct.unpack_from("<H", beginning, place)
    if codec == _EXTENSIBLE and len(beginning) >= place + 26:
        (codec,) = struct.unpack_from("<H", beginning, place + 24)
    return codec in (_PCM, _FLOAT, _A_LAW, _MU_LAW)


def wav_header(samples: int, rate: int, channels: int) -> bytes:
    """The header before `samples` 16-bit samples per channel.

    It is RIFF, or beyond 4 GiB RF64 (EBU Tech 3306), whose lengths have 64 bits. More than two channels have
    no speakers: WAVE_FORMAT_EXTENSIBLE with a mask of 0.
    """
    frame_size = 2 * channels
    data_size = samples * frame_size
    layout = _format(rate, channels)
    riff_size = 4 + len(layout) + 8 + data_size
    if riff_size <= _RIFF_LIMIT:
        return struct.pack("<4sI4s", b"RIFF", riff_size, b"WAVE") + layout + _data(data_size)
    sizes = struct.pack("<4sIQQQI", b"ds64", 28, riff_size + 36, data_size, samples, 0)
    return struct.pack("<4sI4s", b"RF64", _RIFF_LIMIT, b"WAVE") + sizes + layout + _data(_RIFF_LIMIT)


def endless_wav_header(rate: int, channels: int) -> bytes:
    """The header before 16-bit samples whose number is not known yet."""
    return struct.pack("<4sI4s", b"RIFF", _RIFF_LIMIT, b"WAVE") + _format(rate, channels) + _data(_RIFF_LIMIT)


def _format(rate: int, channels: int) -> bytes:
    frame_size = 2 * channels
    shape = (channels, rate, rate * frame_size, frame_size, 16)
    if channels <= _MOST_PLAIN_CHANNELS:
        return struct.pack("<4sIHHIIHH", b"fmt ", 16, _PCM, *shape)
    plain = struct.pack("<4sIHHIIHH", b"fmt ", 40, _EXTENSIBLE, *shape)
    return plain + struct.pack("<HHIH", 22, 16, 0, _PCM) + _GUID


def wav_size(samples: int, rate: int, channels: int) -> int:
    """The length of a wav of `samples` 16-bit samples per channel, in bytes."""
    return len(wav_header(samples, rate, channels)) + samples * channels * 2


def stated_size(beginning: bytes) -> int:
    """The length of a wav in bytes, as a header of `wav_header` states it; 0 for anything else."""
    if beginning[8:12] != b"WAVE":
        return 0
    if beginning[:4] == b"RF64" and len(beginning) >= 28:
        return 8 + int.from_bytes(beginning[20:28], "little")
    return 8 + int.from_bytes(beginning[4:8], "little")


def _data(size: int) -> bytes:
    return struct.pack("<4sI", b"data", size)
