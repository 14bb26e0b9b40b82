"""What decoding finds out about a recording, and the formats that follow from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from msgspec import Meta

from earwitness.kernel.formats import RENDERED

Speech = Literal["speech"]
"""What one channel of a recording is rendered as for transcription alone; nobody is offered it."""
FORMATS_WITHOUT_SOUND = ("raw", "mp4")

PEAKS_PER_SECOND = 8

DECODER_VERSION = 2
"""Which way of decoding a measurement comes from: one more with each change of what is found."""

HeaderlessCodec = Literal[
    "pcm_alaw", "pcm_mulaw", "pcm_s16le", "pcm_s16be", "g722", "g726", "g726le", "g729", "gsm"
]
"""What recorders write without any header, as FFmpeg calls it."""

# A measurement comes from a process that hostile media may have taken over, so its bounds are checked.
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
    """What the source says of media without a header. Rate, in Hz, and channels are asked for PCM alone."""

    codec: HeaderlessCodec
    sample_rate: int | None = None
    channels: int | None = None


@dataclass(frozen=True, slots=True)
class Audio:
    """The sound as it came: `sample_rate` in Hz, `codec` as FFmpeg calls it (`pcm_alaw`, `aac`)."""

    channels: _Count
    sample_rate: _Count
    codec: _Name


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one pass over a recording found.

    `audio` has the channels of all tracks, the highest rate, and the codec of the first track. `samples` is
    how many there are per channel at that rate, silence for gaps counted in. `peaks` has 8 bytes a second,
    0 to 100 for 0.00 to 1.00, of the loudest channel each; None without sound. `channel_peaks` has those of
    each channel, one channel after the other, None where that would be too much; `tracks` has how many
    channels each track has. `distinct` are the channels with a sound of their own: neither silent nor that
    of an earlier one. `opposite` says whether two channels would cancel each other out.

    `complete` is False if part of the media is damaged or missing, and `not_decoded` says in plain words
    what could not be decoded. `decoder_version` is the `DECODER_VERSION` of the program that measured. What
    was stored before there was any is of version 1, and lacks all that has a default.
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
            raise ValueError("not all channels have peaks of one length")


def known_of(measured: Mapping[str, Any] | None) -> tuple[int | None, bool | None]:
    """`samples` and `opposite`, which renditions trust if they come from the present way of decoding."""
    if not measured or measured.get("decoder_version", 1) != DECODER_VERSION:
        return None, None
    return measured["samples"], measured["opposite"]


def formats_of(measurement: Measurement | None) -> list[str]:
    """The formats a recording can be had in; None stands for media that cannot be decoded."""
    if measurement is None:
        return ["raw"]
    return ["raw", *RENDERED] if measurement.audio is not None else list(FORMATS_WITHOUT_SOUND)
