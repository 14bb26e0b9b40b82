"""What decoding finds out about a recording, and the limits of one decoding."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from msgspec import Meta

from earwitness.kernel.formats import Format, formats_for

Speech = Literal["speech"]
"""The format of one channel for a speech engine. Clients cannot ask for it."""

PEAKS_PER_SECOND = 8

DECODER_VERSION = 2
"""The version of the decoder that a measurement comes from. Add one when a change alters what is found."""

HeaderlessCodec = Literal[
    "pcm_alaw", "pcm_mulaw", "pcm_s16le", "pcm_s16be", "g722", "g726", "g726le", "g729", "gsm"
]
"""The codecs that recorders write without a header, by FFmpeg's names."""

# Hostile media may have taken over the process that sends a measurement, so its values have bounds.
_Count = Annotated[int, Meta(ge=0, lt=2**53)]
_Name = Annotated[str, Meta(max_length=64, pattern="^[ -~]*$")]
_Counts = Annotated[tuple[_Count, ...], Meta(max_length=64)]
_Words = Annotated[str, Meta(max_length=500, pattern="^[ -~]*$")]


@dataclass(frozen=True, slots=True)
class DecoderLimits:
    """What one decoding may use: seconds of work, and MiB of memory."""

    seconds: int
    memory_mib: int


@dataclass(frozen=True, slots=True)
class Hint:
    """What the source says about media without a header. The rate, in Hz, and channels are only for PCM."""

    codec: HeaderlessCodec
    sample_rate: int | None = None
    channels: int | None = None


@dataclass(frozen=True, slots=True)
class Audio:
    """The sound of the original: `sample_rate` in Hz, `codec` by FFmpeg's name (`pcm_alaw`, `aac`)."""

    channels: _Count
    sample_rate: _Count
    codec: _Name


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one pass over a recording found.

    - `audio`: the channels of all tracks, the highest sample rate, and the codec of the first track.
    - `samples`: per channel at that rate, with the silence that fills gaps.
    - `peaks`: 8 bytes a second, 0 to 100 for 0.00 to 1.00, each of the loudest channel. None without sound.
    - `channel_peaks`: those of each channel, one channel after the other. None where that would be too large.
    - `tracks`: how many channels each track has.
    - `distinct`: the channels that are neither silent nor the same as an earlier channel.
    - `opposite`: whether two channels would cancel each other out.
    - `complete`: False if a part of the media is damaged or missing.
    - `not_decoded`: what could not be decoded, in plain words.
    - `decoder_version`: the `DECODER_VERSION` of the program that measured. A measurement that was stored
      before there were versions is of version 1, and lacks everything that has a default.
    """

    duration_ms: _Count
    audio: Audio | None
    video: _Name | None
    samples: _Count
    peaks: bytes | None
    complete: bool
    decoder_version: _Count = 1
    not_decoded: _Words = ""
    tracks: _Counts = ()
    channel_peaks: bytes | None = None
    distinct: _Counts | None = None
    opposite: bool | None = None

    def __post_init__(self) -> None:
        both = self.peaks is not None and self.channel_peaks is not None
        if both and len(self.channel_peaks or b"") != len(self.peaks or b"") * sum(self.tracks):
            raise ValueError("the channels do not all have the same number of peaks")


def known_of(measured: Mapping[str, Any] | None) -> tuple[int | None, bool | None]:
    """`samples` and `opposite` of a stored measurement; None for both if another decoder version made it."""
    if not measured or measured.get("decoder_version", 1) != DECODER_VERSION:
        return None, None
    return measured["samples"], measured["opposite"]


def formats_of(measurement: Measurement | None) -> list[Format]:
    """The formats in which a recording is available. Media that cannot be decoded has no measurement."""
    if measurement is None:
        return formats_for("nothing")
    return formats_for("sound" if measurement.audio is not None else "decoding")
