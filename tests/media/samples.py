"""Small recordings made for the tests: tones whose pitch tells the side they are on."""

import io
import math
import struct
from array import array
from collections.abc import Iterator
from fractions import Fraction

import av
from av.audio.frame import AudioFrame
from av.container import OutputContainer
from av.video.frame import VideoFrame

LEFT_HZ = 500
RIGHT_HZ = 1200
LOUDNESS = 0.5
"""Of full scale."""


def tones(rate: int, seconds: float, channels: int) -> bytes:
    """16-bit samples, interleaved: a low tone on the left, a high one on the right."""
    pitches = [(LEFT_HZ, RIGHT_HZ)[channel % 2] for channel in range(channels)]
    samples = array("h")
    for position in range(int(rate * seconds)):
        for pitch in pitches:
            samples.append(int(32767 * LOUDNESS * math.sin(2 * math.pi * pitch * position / rate)))
    return samples.tobytes()


def wav(rate: int = 8000, seconds: float = 2.0, channels: int = 2) -> bytes:
    pcm = tones(rate, seconds, channels)
    size = 2 * channels
    layout = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, rate, rate * size, size, 16)
    return (
        struct.pack("<4sI4s", b"RIFF", 36 + len(pcm), b"WAVE")
        + layout
        + struct.pack("<4sI", b"data", len(pcm))
        + pcm
    )


def frames(
    rate: int, seconds: float, channels: int, gap: tuple[float, float] = (0, 0)
) -> Iterator[AudioFrame]:
    """Frames of 20 ms; none between the two moments of `gap`."""
    pcm = tones(rate, seconds, channels)
    samples = rate // 50
    size = samples * channels * 2
    for number in range(len(pcm) // size):
        if gap[0] <= number / 50 < gap[1]:
            continue
        frame = AudioFrame("s16", "mono" if channels == 1 else "stereo", samples)
        frame.planes[0].update(pcm[number * size : (number + 1) * size])
        frame.sample_rate, frame.pts, frame.time_base = rate, number * samples, Fraction(1, rate)
        yield frame


def sound(
    container: str,
    codec: str,
    rate: int = 8000,
    seconds: float = 2.0,
    channels: int = 2,
    gap: tuple[float, float] = (0, 0),
) -> bytes:
    """A recording of tones in a container and codec as FFmpeg names them."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate)
        stream.layout = "mono" if channels == 1 else "stereo"
        for frame in frames(rate, seconds, channels, gap):
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file.getvalue()


def meeting(
    container: str,
    video: str,
    audio: str | None,
    seconds: float = 2.0,
    options: dict[str, str] | None = None,
) -> bytes:
    """A recording with a moving picture of 64 × 48, and with sound unless `audio` is None."""
    file = io.BytesIO()
    with av.open(file, "w", format=container, container_options=options or {}) as output:
        _mux_meeting(output, video, audio, seconds)
    return file.getvalue()


def _mux_meeting(output: OutputContainer, video: str, audio: str | None, seconds: float) -> None:
    pictures = output.add_stream(video, 10, width=64, height=48, pix_fmt="yuv420p")
    if audio is not None:
        tracks = output.add_stream(audio, 48000)
        tracks.layout = "stereo"
        for frame in frames(48000, seconds, 2):
            output.mux(tracks.encode(frame))
        output.mux(tracks.encode(None))
    for number in range(int(seconds * 10)):
        picture = VideoFrame(64, 48, "yuv420p")
        for plane in picture.planes:
            plane.update(bytes([number * 9 % 256]) * plane.buffer_size)
        picture.pts, picture.time_base = number, Fraction(1, 10)
        output.mux(pictures.encode(picture))
    output.mux(pictures.encode(None))
