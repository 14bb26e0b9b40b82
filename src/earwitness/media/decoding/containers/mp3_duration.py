"""The duration that an mp3 states in its first frame, as LAME and others write it ("Xing" or "Info").

FFmpeg estimates the duration where there is no such frame, and does not say whether it is an estimate.
"""

from fractions import Fraction

from earwitness.media.decoding.containers.views import read_at
from earwitness.media.flow import File

_ID3 = b"ID3"
_ID3_HEADER = 10
_HAS_FRAMES = 1
_FIELDS = {1: 4, 2: 4, 4: 100, 8: 4}
"""The fields that each flag of the tag stands for, in bytes: frames, size, table for seeking, quality."""
_DELAYS_AT = 21
_LONGEST_TAG = 8 + sum(_FIELDS.values()) + _DELAYS_AT + 3
# By the two bits of the version: MPEG 2.5, reserved, 2, 1.
_RATES = ((11025, 12000, 8000), (), (22050, 24000, 16000), (44100, 48000, 32000))
_MPEG_1 = 3
_LAYER_3 = 1
_MONO = 3


def stated_seconds(file: File) -> Fraction:
    """The duration of the frames that the first one counts; 0 if it counts none."""
    at = _end_of_id3(file)
    head = read_at(file, at, 4)
    is_frame = len(head) == 4 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0
    if not is_frame or head[1] >> 1 & 3 != _LAYER_3:
        return Fraction(0)
    version, rate = head[1] >> 3 & 3, head[2] >> 2 & 3
    if rate >= len(_RATES[version]):
        return Fraction(0)
    is_mono = head[3] >> 6 == _MONO
    side = (17 if is_mono else 32) if version == _MPEG_1 else (9 if is_mono else 17)
    tag = read_at(file, at + 4 + side, _LONGEST_TAG)
    if tag[:4] not in (b"Xing", b"Info") or len(tag) < _LONGEST_TAG or not tag[7] & _HAS_FRAMES:
        return Fraction(0)
    samples = int.from_bytes(tag[8:12], "big") * (1152 if version == _MPEG_1 else 576)
    own = 8 + sum(size for flag, size in _FIELDS.items() if tag[7] & flag) + _DELAYS_AT
    delays = int.from_bytes(tag[own : own + 3], "big")  # zeros if LAME did not write it
    return Fraction(max(samples - (delays >> 12) - (delays & 0xFFF), 0), _RATES[version][rate])


def _end_of_id3(file: File) -> int:
    head = read_at(file, 0, _ID3_HEADER)
    if head[:3] != _ID3 or len(head) < _ID3_HEADER:
        return 0
    size = 0
    for seven_bits in head[6:]:
        size = size << 7 | seven_bits & 0x7F
    return _ID3_HEADER + size
