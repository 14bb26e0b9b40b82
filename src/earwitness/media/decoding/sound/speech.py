"""Sound for speech engines: 16-bit samples at 16 kHz, one channel, no header."""

from itertools import chain

from av.audio.resampler import AudioResampler

from earwitness.media.decoding.layouts import layout_of, samples_of
from earwitness.media.decoding.sound.tracks import Sound
from earwitness.media.flow import Sink

SPEECH_RATE = 16_000


def write_speech(sound: Sound, channel: int, sink: Sink) -> None:
    """Write one channel. Raises NotMedia if there is no such channel."""
    resampler = AudioResampler("s16", layout_of(1), SPEECH_RATE)
    for block in chain(sound.channel(channel), (None,)):
        for frame in resampler.resample(block):
            sink.write(samples_of(frame))
