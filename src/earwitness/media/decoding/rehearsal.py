"""The rehearsal of a decoding process: it does every kind of work once, before it gets a job."""

import io

from earwitness.kernel.formats import RENDERED, Rendered
from earwitness.media.decoding.containers.wav_header import wav_header
from earwitness.media.decoding.jobs import measure, render
from earwitness.media.measurement import Speech


def rehearse() -> None:
    """Do every job once with a moment of silence. Libraries load everything for it, and later work faster."""
    for channels in (1, 3):
        silence = wav_header(800, 8000, channels) + bytes(1600 * channels)
        measure(io.BytesIO(silence), io.BytesIO())
        formats: tuple[Rendered | Speech, ...] = (*RENDERED, "speech")
        for format_ in formats:
            render(io.BytesIO(silence), format_, None, io.BytesIO())
