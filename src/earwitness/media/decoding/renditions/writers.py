"""The writer of each rendition: one row for each format of `kernel/formats.py` that is made."""

from collections.abc import Callable

from earwitness.kernel.formats import FORMATS, RENDERED, Rendered, check_names
from earwitness.media.decoding.renditions.mp3 import write_mp3
from earwitness.media.decoding.renditions.mp4 import write_mp4
from earwitness.media.decoding.renditions.original import Original
from earwitness.media.decoding.renditions.wav import write_wav
from earwitness.media.flow import Sink

Writer = Callable[[Original, int | None, Sink], None]
"""Writes a rendition with at most so many channels, None for all. Raises NotMedia and NoSound."""

WRITERS: dict[Rendered, Writer] = {
    "mp3": write_mp3,
    "mp3-mono": write_mp3,
    "wav": write_wav,
    "wav-mono": write_wav,
    "mp4": write_mp4,
}

check_names(RENDERED, tuple(WRITERS), "WRITERS")


def write_rendition(original: Original, format_: Rendered, sink: Sink) -> None:
    """Write a rendition. Raises NotMedia and NoSound."""
    WRITERS[format_](original, FORMATS[format_].most_channels, sink)
