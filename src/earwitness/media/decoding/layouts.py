"""Layouts with a number of channels and without speakers."""

from av.audio.frame import AudioFrame
from av.audio.plane import AudioPlane

MOST_CHANNELS = 64
"""The most channels that FFmpeg's converters take."""


def layout_of(channels: int) -> str:
    """The layout of so many channels. One and two are called mono and stereo, as encoders expect."""
    return {1: "mono", 2: "stereo"}.get(channels, f"{channels} channels")


def without_speakers(frame: AudioFrame) -> AudioFrame:
    """The frame without speakers, so that FFmpeg does not amplify, attenuate or drop a channel."""
    channels = frame.layout.nb_channels
    if frame.layout.name == layout_of(channels):
        return frame
    plain = AudioFrame(frame.format.name, layout_of(channels), frame.samples)
    plain.sample_rate, plain.pts, plain.time_base = frame.sample_rate, frame.pts, frame.time_base
    # PyAV lists more planes than exist for frames of many channels.
    for plane in range(channels if frame.format.is_planar else 1):
        source, copy = AudioPlane(frame, plane), AudioPlane(plain, plane)
        copy.update(bytes(memoryview(source)[: copy.buffer_size]))
    return plain


def frame_of(pcm: bytes, rate: int, channels: int) -> AudioFrame:
    """A frame of at least one 16-bit sample per channel, interleaved."""
    frame = AudioFrame("s16", layout_of(channels), len(pcm) // (2 * channels))
    frame.sample_rate = rate
    frame.planes[0].update(pcm)
    return frame


def samples_of(block: AudioFrame) -> memoryview:
    """The bytes of a packed frame of 16-bit samples, interleaved."""
    size = block.samples * block.layout.nb_channels * 2
    return memoryview(AudioPlane(block, 0))[:size]
