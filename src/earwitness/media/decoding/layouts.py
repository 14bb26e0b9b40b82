"""How FFmpeg is told of channels: by their number, whatever speakers they were meant for."""

from av.audio.frame import AudioFrame
from av.audio.plane import AudioPlane

MOST_CHANNELS = 64
"""More at once no converter of FFmpeg takes."""


def layout_of(channels: int) -> str:
    """The name of so many channels. One and two are mono and stereo, which encoders ask for."""
    return {1: "mono", 2: "stereo"}.get(channels, f"{channels} channels")


def without_speakers(frame: AudioFrame) -> AudioFrame:
    """A frame whose channels are of no speaker, so that none is turned up, down or left out on the way."""
    channels = frame.layout.nb_channels
    if frame.layout.name == layout_of(channels):
        return frame
    plain = AudioFrame(frame.format.name, layout_of(channels), frame.samples)
    plain.sample_rate, plain.pts, plain.time_base = frame.sample_rate, frame.pts, frame.time_base
    # Frames of many channels tell of more planes than there are.
    for plane in range(channels if frame.format.is_planar else 1):
        source, copy = AudioPlane(frame, plane), AudioPlane(plain, plane)
        copy.update(bytes(memoryview(source)[: copy.buffer_size]))
    return plain


def frame_of(pcm: bytes, rate: int, channels: int) -> AudioFrame:
    """A frame of 16-bit samples, interleaved; there is one at least."""
    frame = AudioFrame("s16", layout_of(channels), len(pcm) // (2 * channels))
    frame.sample_rate = rate
    frame.planes[0].update(pcm)
    return frame


def samples_of(block: AudioFrame) -> memoryview:
    """The samples of a packed frame of 16 bits, interleaved, as bytes."""
    size = block.samples * block.layout.nb_channels * 2
    return memoryview(AudioPlane(block, 0))[:size]
