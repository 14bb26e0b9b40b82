"""The waveform of a recording does not depend on its format."""

import io
import math
from array import array
from functools import lru_cache

import pytest

from earwitness.media.decoding.jobs import measure
from tests.media import samples

LEVELS = (0.05, 0.4, 0.0, 0.9, 0.2, 0.6, 0.1, 0.8)
"""How loud each half second is."""


@lru_cache(maxsize=16)
def spoken(rate: int, channels: int) -> bytes:
    """Four seconds, louder and softer, the same on all sides."""
    pcm = array("h")
    for position in range(4 * rate):
        level = LEVELS[position * 2 // rate]
        sample = int(32767 * level * math.sin(2 * math.pi * 440 * position / rate))
        pcm.extend([sample] * channels)
    return pcm.tobytes()


def peaks(content: bytes) -> list[int]:
    found = measure(io.BytesIO(content), None).peaks
    assert found is not None
    return list(found)


# Container, codec, rate, and by how much of 100 each peak may be off.
KINDS = [
    ("wav", "pcm_s16le", 8000, 1),
    ("wav", "pcm_s16le", 44100, 1),
    ("wav", "pcm_alaw", 8000, 3),
    ("wav", "pcm_mulaw", 8000, 3),
    ("wav", "adpcm_ima_wav", 8000, 4),
    ("wav", "g722", 16000, 4),
    ("wav", "g726", 8000, 8),
    ("amr", "libopencore_amrnb", 8000, 12),
    ("flac", "flac", 48000, 1),
    ("matroska", "pcm_s16le", 48000, 1),
    ("matroska", "flac", 48000, 1),
    ("mp3", "libmp3lame", 48000, 8),
    ("ipod", "aac", 48000, 8),
    ("mp4", "aac", 48000, 8),
    ("adts", "aac", 48000, 8),
    ("mpegts", "aac", 48000, 8),
    ("ogg", "libopus", 48000, 8),
    ("webm", "libopus", 48000, 8),
]
OF_ONE_SIDE = ("g722", "g726", "libopencore_amrnb")


@pytest.mark.parametrize(("container", "codec", "rate", "off"), KINDS)
def test_it_is_the_same_in_every_container(
    monkeypatch: pytest.MonkeyPatch, container: str, codec: str, rate: int, off: int
) -> None:
    monkeypatch.setattr(samples, "tones", lambda rate, _seconds, channels: spoken(rate, channels))
    channels = 1 if codec in OF_ONE_SIDE else 2
    found = peaks(samples.sound(container, codec, rate, seconds=4, channels=channels))
    assert len(found) == pytest.approx(32, abs=1)
    for half, level in enumerate(LEVELS):
        # Codecs that work in blocks let a loud part begin a little early, and end a little late.
        settled = found[half * 4 + 1 : half * 4 + 3]
        assert settled == pytest.approx([level * 100] * 2, abs=off + 1), f"half second {half}: {found}"


def test_no_channel_counts_for_more_than_another() -> None:
    left = array("h", [16384, 0] * 8000)
    right = array("h", [0, 16384] * 8000)
    for side in (left, right):
        assert peaks(samples.wav_of(side.tobytes(), 8000, 2)) == [50] * 8
