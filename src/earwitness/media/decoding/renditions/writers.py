"""The writer of each rendition: one row for each format of `kernel/formats.py` that is made.

A row is a function that imports the writer, since decoding processes alone load PyAV. So the server, too, can
compare the table with the formats, and does not start where one has no writer.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from earwitness.kernel.formats import RENDERED, Rendered, check_names
from earwitness.media.flow import Sink

if TYPE_CHECKING:
    from earwitness.media.decoding.renditions.original import Original

Writer = Callable[["Original", int | None, Sink], None]
"""Writes a rendition with at most so many channels, None for all. Raises NotMedia and NoSound."""


def _load_mp3() -> Writer:
    from earwitness.media.decoding.renditions.mp3 import write_mp3

    return write_mp3


def _load_wav() -> Writer:
    from earwitness.media.decoding.renditions.wav import write_wav

    return write_wav


def _load_mp4() -> Writer:
    from earwitness.media.decoding.renditions.mp4 import write_mp4

    return write_mp4


WRITERS: dict[Rendered, Callable[[], Writer]] = {
    "mp3": _load_mp3,
    "mp3-mono": _load_mp3,
    "wav": _load_wav,
    "wav-mono": _load_wav,
    "mp4": _load_mp4,
}

check_names(RENDERED, tuple(WRITERS), "WRITERS")


def load_writers() -> dict[Rendered, Writer]:
    """Import all writers. A process that is confined can import nothing any more."""
    return {name: load() for name, load in WRITERS.items()}
