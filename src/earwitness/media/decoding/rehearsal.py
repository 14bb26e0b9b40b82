"""What a decoding process does before it has a job: all of it, once."""

import io

from earwitness.kernel.formats import RENDERED, Rendered
from earwitness.media.decoding.jobs import measure, render
from earwitness.media.decoding.renditions.wav import wav_header
from earwitness.media.measurement import Speech


def rehearse() -> None:
    """Do every job once with a moment of silence: what was done once is done faster."""
    for channels in (1, 3):
        silence = wav_header(800, 8000, channels) + bytes(1600 * channels)
        measure(io.BytesIO(silence), io.BytesIO())
        formats: tuple[Rendered | Speech, ...] = (*RENDERED, "speech")
        for format_ in formats:
            render(io.BytesIO(silence), format_, None, io.BytesIO())
