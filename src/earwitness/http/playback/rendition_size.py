"""How large a rendition will be, before it is made. A small file can hold days of silence."""

from collections.abc import Mapping
from typing import Any

from earwitness.kernel.errors import Unprocessable
from earwitness.kernel.formats import FORMATS, Format
from earwitness.media.decoding.containers.wav_header import wav_size
from earwitness.media.decoding.renditions.rates import bits_per_channel, nearest_rate


class RenditionTooLarge(Unprocessable):
    """This rendition would be too large."""

    default_code = "rendition-too-large"
    counts = True

    def __init__(self, format_: Format, largest_bytes: int, available: list[Format]) -> None:
        super().__init__(
            f"The {format_} of this recording would be larger than {_in_words(largest_bytes)}, the most that "
            f"this server makes. Available formats: {', '.join(available)}.",
            extra={"formats": available},
        )


def _in_words(size: int) -> str:
    return f"{size / (1 << 30):.3g} GiB" if size >= 1 << 30 else f"{size >> 20} MiB"


def expected_size(format_: Format, measured: Mapping[str, Any] | None) -> int | None:
    """The size of a rendition in bytes, from a stored measurement of the recording.

    None where that cannot be said: the recording is not measured yet, or the rendition may have a picture.
    What is compressed may become a little larger.
    """
    row, audio = FORMATS[format_], measured["audio"] if measured else None
    if not measured or not audio or (measured["video"] and row.needs != "sound"):
        return None
    samples, rate, channels = int(measured["samples"]), int(audio["sample_rate"]), int(audio["channels"])
    if row.most_channels is not None:
        channels = min(channels, row.most_channels)
    if row.coding == "pcm":
        return wav_size(samples, rate, channels)
    bits_per_second = bits_per_channel(nearest_rate(rate)) * channels
    return samples * bits_per_second // (8 * max(rate, 1))
