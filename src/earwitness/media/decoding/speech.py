"""The sound as engines of speech recognition want it: 16-bit samples, 16 kHz, one channel, no header."""

from array import array
from itertools import chain

from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from earwitness.media.decoding.pcm import Sound, samples_of
from earwitness.media.flow import Sink
from earwitness.media.measurement import Speech

SPEECH_RATE = 16_000

# Every so manieth sample tells whether two channels are alike.
_STRIDE = 16
_ALIKE_WITHIN = 50


def write_speech(sound: Sound, side: Speech, sink: Sink) -> None:
    """Write a sound of one or two channels, mixed, or one side of it.

    Where both sides are alike the right one is written as silence: what was said is heard once.
    """
    layout = "mono" if side == "speech" else "stereo"
    resampler = AudioResampler("s16", layout, SPEECH_RATE)
    for block in chain(sound, (None,)):
        for frame in resampler.resample(block):
            sink.write(samples_of(frame) if side == "speech" else _side(frame, side))


def _side(frame: AudioFrame, side: Speech) -> bytes:
    both = array("h")
    both.frombytes(samples_of(frame))
    left, right = both[0::2], both[1::2]
    if side == "speech-left":
        return left.tobytes()
    return bytes(2 * len(right)) if _are_alike(left, right) else right.tobytes()


def _are_alike(left: "array[int]", right: "array[int]") -> bool:
    """Whether two channels differ by no more than a fiftieth of their loudness."""
    apart = loud = 0
    for one, other in zip(left[::_STRIDE], right[::_STRIDE], strict=True):
        apart += abs(one - other)
        loud += abs(one) + abs(other)
    return apart * _ALIKE_WITHIN <= loud
