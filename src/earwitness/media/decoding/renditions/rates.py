"""The sample rates and bit rates that mp3 and AAC are written in."""

_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)


def nearest_rate(rate: int) -> int:
    """The sample rate of MPEG, in Hz, that is nearest to a recording's; the higher of two."""
    return min(_RATES, key=lambda valid: (abs(valid - rate), -valid))


def bits_per_channel(rate: int) -> int:
    """A bit rate for one channel of speech, in bits a second, which mp3 allows at this sample rate."""
    if rate <= 16000:
        return 32_000
    return 48_000 if rate <= 24000 else 64_000
