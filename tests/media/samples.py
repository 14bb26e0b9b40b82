"""Small recordings made for the tests: tones whose pitch tells the side they are on."""

import io
import math
import wave
from array import array
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

LEFT_HZ = 500
RIGHT_HZ = 1200
LOUDNESS = 0.5
"""Of full scale."""


@lru_cache(maxsize=16)
def tones(rate: int, seconds: float, channels: int) -> bytes:
    """16-bit samples, interleaved: a low tone on the left, a high one on the right."""
    pitches = [(LEFT_HZ, RIGHT_HZ)[channel % 2] for channel in range(channels)]
    second = array("h")  # the same again and again
    for position in range(rate):
        for pitch in pitches:
            second.append(int(32767 * LOUDNESS * math.sin(2 * math.pi * pitch * position / rate)))
    return (second * math.ceil(seconds))[: int(rate * seconds) * channels].tobytes()


def wav(rate: int = 8000, seconds: float = 2.0, channels: int = 2) -> bytes:
    return wav_of(tones(rate, seconds, channels), rate, channels)


def wav_of(pcm: bytes, rate: int, channels: int) -> bytes:
    """A wav of 16-bit samples, interleaved."""
    file = io.BytesIO()
    with wave.open(file, "wb") as output:
        output.setnchannels(channels)
        output.setsampwidth(2)
        output.setframerate(rate)
        output.writeframes(pcm)
    return file.getvalue()


def sphere(content: bytes, *, header_size: int = 1024, **fields: int | str) -> bytes:
    """A NIST SPHERE file with the fields of its header, in order, and sound as they state."""
    lines = "".join(
        f"{name} -i {value}\n" if isinstance(value, int) else f"{name} -s{len(value)} {value}\n"
        for name, value in fields.items()
    )
    header = f"NIST_1A\n{header_size:7}\n{lines}end_head\n"
    return header.encode().ljust(header_size) + content


def frames(
    rate: int, seconds: float, channels: int, gap: tuple[float, float] = (0, 0)
) -> Iterator[AudioFrame]:
    """Frames of 20 ms, with none between the two moments of `gap`."""
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
    bit_rate: int | None = None,
) -> bytes:
    """A recording of tones in a container and codec as FFmpeg names them."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        _add_sound(output, codec, frames(rate, seconds, channels, gap), rate, channels, bit_rate)
    return file.getvalue()


def meeting(
    container: str,
    video: str,
    audio: str | None,
    seconds: float = 2.0,
    options: dict[str, str] | None = None,
) -> bytes:
    """A recording with a changing picture of 64 × 48, ten a second, and with sound unless `audio` is None."""
    file = io.BytesIO()
    with av.open(file, "w", format=container, container_options=options or {}) as output:
        stream = output.add_stream(video, 10, width=64, height=48, pix_fmt="yuv420p")
        assert isinstance(stream, VideoStream)
        if audio is not None:
            _add_sound(output, audio, frames(48000, seconds, 2), 48000, 2)
        for picture in pictures(int(seconds * 10)):
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
    return file.getvalue()


def covered() -> bytes:
    """An mp3 with a picture of its cover."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp3") as output:
        cover = output.add_stream("png", 1, width=64, height=48, pix_fmt="rgb24")
        assert isinstance(cover, VideoStream)
        cover.disposition = Disposition.attached_pic
        _add_sound(output, "libmp3lame", frames(16000, 2.0, 2), 16000, 2)
        for picture in pictures(1):
            output.mux(cover.encode(picture.reformat(format="rgb24")))
    return file.getvalue()


def pictures(count: int) -> Iterator[VideoFrame]:
    for number in range(count):
        picture = VideoFrame(64, 48, "yuv420p")
        for plane in picture.planes:
            plane.update(bytes([number * 9 % 256]) * plane.buffer_size)
        picture.pts, picture.time_base = number, Fraction(1, 10)
        yield picture


def _add_sound(
    output: OutputContainer,
    codec: str,
    sounding: Iterator[AudioFrame],
    rate: int,
    channels: int,
    bit_rate: int | None = None,
) -> None:
    stream = output.add_stream(codec, rate)
    assert isinstance(stream, AudioStream)
    if bit_rate is not None:
        stream.bit_rate = bit_rate
    stream.layout = "mono" if channels == 1 else "stereo"
    for frame in sounding:
        output.mux(stream.encode(frame))
    output.mux(stream.encode(None))
