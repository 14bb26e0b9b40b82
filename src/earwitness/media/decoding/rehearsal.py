"""What a decoding process does before it is confined: afterwards it can open, and so load, nothing."""

import importlib
import io
import pkgutil

import av

from earwitness.kernel.formats import RENDERED, Rendered
from earwitness.media.decoding.jobs import measure, render
from earwitness.media.decoding.wav import wav_header
from earwitness.media.measurement import Speech

# Its command line, and what fetches samples from the net.
_NEVER_USED = {"av.__main__", "av.datasets"}


def rehearse() -> None:
    """Load all that PyAV has, and do every job once with a moment of silence.

    Libraries load parts of themselves when these are first needed: PyAV those of subtitles when it meets
    some. What was loaded is there when it is needed; besides, what was done once is done faster.
    """
    for part in pkgutil.walk_packages(av.__path__, "av."):
        if part.name not in _NEVER_USED:
            importlib.import_module(part.name)
    for channels in (1, 3):
        silence = wav_header(800, 8000, channels) + bytes(1600 * channels)
        measure(io.BytesIO(silence), io.BytesIO())
        formats: tuple[Rendered | Speech, ...] = (*RENDERED, "speech")
        for format_ in formats:
            render(io.BytesIO(silence), format_, None, io.BytesIO())
