"""Recordings as recorders and meeting services write them, in every container and codec."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from earwitness.media.measurement import Audio, Hint
from tests.media.samples import covered, meeting, sound, sphere, tones, wav


@dataclass(frozen=True)
class Kind:
    """How a recording of two seconds is made, and what must be found in it.

    `is_exact`: its codec decodes to 16-bit samples, so every decoder gives the same.
    """

    make: Callable[[], bytes]
    audio: Audio
    video: str | None = None
    hint: Hint | None = None
    is_exact: bool = True


def recorded(name: str) -> bytes:
    """A recording in a codec that the tests cannot encode; see its README."""
    return (Path(__file__).parent / "recorded" / name).read_bytes()


def _lossy(make: Callable[[], bytes], codec: str, rate: int = 48000, channels: int = 2) -> Kind:
    return Kind(make, Audio(channels, rate, codec), is_exact=False)


def _meeting(container: str, video: str, audio: str, codec: str, picture: str) -> Kind:
    return Kind(partial(meeting, container, video, audio), Audio(2, 48000, codec), picture, is_exact=False)


def _sphere() -> bytes:
    return sphere(
        sound("s16be", "pcm_s16be", 16000),
        channel_count=2,
        sample_rate=16000,
        sample_count=32000,
        sample_n_bytes=2,
        sample_byte_format="10",
        sample_coding="pcm",
    )


KINDS: dict[str, Kind] = {
    "wav 8k": Kind(partial(wav, 8000), Audio(2, 8000, "pcm_s16le")),
    "wav 11025": Kind(partial(wav, 11025), Audio(2, 11025, "pcm_s16le")),
    "wav 16k mono": Kind(partial(wav, 16000, channels=1), Audio(1, 16000, "pcm_s16le")),
    "wav 48k": Kind(partial(wav, 48000), Audio(2, 48000, "pcm_s16le")),
    "a-law": Kind(partial(sound, "wav", "pcm_alaw"), Audio(2, 8000, "pcm_alaw")),
    "µ-law": Kind(partial(sound, "wav", "pcm_mulaw", channels=1), Audio(1, 8000, "pcm_mulaw")),
    "sphere": Kind(_sphere, Audio(2, 16000, "pcm_s16be")),
    "adpcm": _lossy(partial(sound, "wav", "adpcm_ima_wav"), "adpcm_ima_wav", 8000),
    "mp3": _lossy(partial(sound, "mp3", "libmp3lame", 16000), "mp3", 16000),
    "mp3 with a cover": _lossy(covered, "mp3", 16000),
    "flac": Kind(partial(sound, "flac", "flac", 44100), Audio(2, 44100, "flac")),
    "opus": _lossy(partial(sound, "ogg", "libopus", 48000), "opus"),
    "m4a": _lossy(partial(sound, "ipod", "aac", 48000), "aac"),
    "aac": _lossy(partial(sound, "adts", "aac", 48000), "aac"),
    "amr": _lossy(partial(sound, "amr", "libopencore_amrnb", channels=1), "amr_nb", 8000, 1),
    "gsm": Kind(partial(recorded, "headerless.gsm"), Audio(1, 8000, "gsm")),
    "gsm in wav": Kind(partial(recorded, "gsm.wav"), Audio(1, 8000, "gsm_ms")),
    "g722 in wav": Kind(partial(sound, "wav", "g722", 16000, channels=1), Audio(1, 16000, "adpcm_g722")),
    "g726 in wav": Kind(partial(sound, "wav", "g726", channels=1), Audio(1, 8000, "adpcm_g726")),
    "speex": _lossy(partial(recorded, "speex.ogg"), "speex", 8000, 1),
    "mp4": _meeting("mp4", "libx264", "aac", "aac", "h264"),
    "mpeg-ts": _meeting("mpegts", "libx264", "aac", "aac", "h264"),
    "webm": _meeting("webm", "libvpx", "libopus", "opus", "vp8"),
    "avi": _meeting("avi", "mpeg4", "libmp3lame", "mp3", "mpeg4"),
}


def _headerless(
    make: Callable[[], bytes], hint: Hint, codec: str, rate: int = 8000, channels: int = 1
) -> Kind:
    return Kind(make, Audio(channels, rate, codec), hint=hint)


HEADERLESS: dict[str, Kind] = {
    "a-law": _headerless(partial(sound, "alaw", "pcm_alaw", channels=1), Hint("pcm_alaw"), "pcm_alaw"),
    "a-law of two": _headerless(
        partial(sound, "alaw", "pcm_alaw"), Hint("pcm_alaw", 8000, 2), "pcm_alaw", channels=2
    ),
    "µ-law of 16 kHz": _headerless(
        partial(sound, "mulaw", "pcm_mulaw", 16000, channels=1),
        Hint("pcm_mulaw", 16000, 1),
        "pcm_mulaw",
        16000,
    ),
    "pcm": _headerless(partial(tones, 8000, 2, 2), Hint("pcm_s16le", 8000, 2), "pcm_s16le", channels=2),
    "pcm, big end first": _headerless(
        partial(sound, "s16be", "pcm_s16be", 16000), Hint("pcm_s16be", 16000, 2), "pcm_s16be", 16000, 2
    ),
    # In call signalling G.722 is said to have 8,000 Hz, which it has not.
    "g722": _headerless(
        partial(sound, "g722", "g722", 16000, channels=1), Hint("g722", 8000), "adpcm_g722", 16000
    ),
    "g726": _headerless(partial(sound, "g726", "g726", channels=1), Hint("g726", 8000, 1), "adpcm_g726"),
    "g726, little end first": _headerless(
        partial(sound, "g726le", "g726le", channels=1), Hint("g726le"), "adpcm_g726le"
    ),
    "gsm": _headerless(partial(recorded, "headerless.gsm"), Hint("gsm"), "gsm"),
}

BUNDLE = KINDS | {f"headerless {name}": kind for name, kind in HEADERLESS.items()}
