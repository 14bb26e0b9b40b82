"""Sounds of a line on which nobody speaks: telephone signals (ITU-T E.180, E.182, Q.23, T.30)."""

from collections.abc import Callable
from functools import partial
from itertools import cycle
from typing import Any

import numpy

from earwitness.media.decoder.decoder import render
from earwitness.media.measurement import DecoderLimits, Hint
from tests.media.hearing import Memory

RATE = 8000
SECONDS = 20

Sound = Any  # an array of samples from -1 to 1, at RATE

_COUNT = RATE * SECONDS
_TIME = numpy.arange(_COUNT) / RATE
_RANDOM = numpy.random.default_rng(26)
_KEYS = {
    key: (low, high)
    for low, row in zip((697, 770, 852, 941), ("123", "456", "789", "*0#"), strict=True)
    for high, key in zip((1209, 1336, 1477), row, strict=True)
}


def heard(sound: Sound) -> bytes:
    """A sound as an engine hears it: 16-bit samples at 16 kHz."""
    samples = (numpy.clip(sound, -1, 1) * 32767).astype("<i2").tobytes()
    with render(Memory(samples), "speech", DecoderLimits(60, 1024), hint=Hint("pcm_s16le", RATE, 1)) as pcm:
        return b"".join(pcm)


def tone(*pitches: float) -> Sound:
    return sum(numpy.sin(2 * numpy.pi * pitch * _TIME) for pitch in pitches) / len(pitches)


def cadence(sound: Sound, *seconds: float) -> Sound:
    """A sound that is on for the first so many seconds, off for the second, and so on, again and again."""
    gate, at = numpy.zeros(_COUNT), 0
    for index, length in enumerate(cycle(seconds)):
        if at >= _COUNT:
            return sound * gate
        end = at + int(length * RATE)
        gate[at:end] = index % 2 == 0
        at = end
    raise AssertionError("a cycle does not end")


def digits(keys: str, on: float, off: float) -> Sound:
    """Keys that are pressed, one after the other."""
    pressed = numpy.zeros(_COUNT)
    for index, key in enumerate(cycle(keys)):
        begin = int(index * (on + off) * RATE)
        if begin >= _COUNT:
            return pressed
        end = begin + int(on * RATE)
        pressed[begin:end] = tone(*_KEYS[key])[begin:end]
    raise AssertionError("a cycle does not end")


def shifted(low: float, high: float, baud: float) -> Sound:
    """Data by frequency shift, as fax machines (V.21), modems (V.23) and text telephones send it."""
    bits = _RANDOM.integers(0, 2, _COUNT)[(_TIME * baud).astype(int)]
    return numpy.sin(2 * numpy.pi * numpy.cumsum(numpy.where(bits, high, low)) / RATE)


def noise(decibels: float) -> Sound:
    return _RANDOM.standard_normal(_COUNT) * 10 ** (decibels / 20)


def music() -> Sound:
    """A scale of plucked notes: simple music, which is the hardest to tell from a voice."""
    notes = numpy.repeat(numpy.array([262, 294, 330, 349, 392, 440, 494, 523] * SECONDS), RATE // 2)[:_COUNT]
    plucked = numpy.exp(-2 * (_TIME % 0.5))
    turns = 2 * numpy.pi * numpy.cumsum(notes) / RATE
    return plucked * (numpy.sin(turns) + numpy.sin(2 * turns) + numpy.sin(3 * turns)) / 3


LINES: dict[str, Callable[[], Sound]] = {
    "ringing in Britain": lambda: cadence(tone(400, 450), 0.4, 0.2, 0.4, 2),
    "ringing in America": lambda: cadence(tone(440, 480), 2, 4),
    "ringing in Germany": lambda: cadence(tone(425), 1, 4),
    "ringing in France": lambda: cadence(tone(440), 1.5, 3.5),
    "ringing in Japan": lambda: cadence(tone(384, 416), 1, 2),
    "busy in America": lambda: cadence(tone(480, 620), 0.5, 0.5),
    "busy in Germany": lambda: cadence(tone(425), 0.48, 0.48),
    "congestion": lambda: cadence(tone(480, 620), 0.25, 0.25),
    "dial tone": lambda: tone(350, 440),
    "off the hook": lambda: cadence(tone(1400, 2060, 2450, 2600), 0.1, 0.1),
    "special information": lambda: sum(
        cadence(tone(pitch), *lengths)
        for pitch, lengths in (
            (950, (0.33, 1.67)),
            (1400, (0, 0.33, 0.33, 1.34)),
            (1800, (0, 0.66, 0.33, 1.01)),
        )
    ),
    "a beep that says it is recorded": lambda: cadence(tone(1400), 0.2, 14.8),
    "call waiting": lambda: cadence(tone(440), 0.3, 9.7),
    "keys": lambda: digits("0123456789*#", 0.1, 0.1),
    "keys pressed slowly": lambda: digits("18005551234#", 0.4, 0.6),
    "a fax calling": lambda: cadence(tone(1100), 0.5, 3),
    "a fax answering": lambda: tone(2100),
    "a fax's data": lambda: shifted(1650, 1850, 300),
    "a modem's data": lambda: shifted(1300, 2100, 1200),
    "a text telephone": lambda: shifted(1400, 1800, 45.45),
    "comfort noise": lambda: noise(-60),
    "a noisy line": lambda: noise(-30),
    "hum": partial(tone, 50, 150, 250),
    "music": music,
    "silence": lambda: numpy.zeros(_COUNT),
}
