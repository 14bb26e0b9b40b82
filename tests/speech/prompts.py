"""Real speech of a telephone: prompts of Debian's `asterisk-core-sounds-en-gsm`, and what they say.

They are read where Debian installs them (`make system`). Allison Smith speaks them. They are GSM at 8 kHz,
the poorest sound of telephones.
"""

import gzip
import re
from pathlib import Path

import pytest

from earwitness.media.decoder.decoder import render
from earwitness.media.measurement import DecoderLimits, Hint
from tests.media.hearing import Memory

_SOUNDS = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
_TEXTS = Path("/usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz")
_MUSIC = Path("/usr/share/asterisk/moh")

_FRAME_BYTES = 33
_FRAME_SECONDS = 0.02

needs_prompts = pytest.mark.skipif(
    not (_TEXTS.is_file() and (_SOUNDS / "demo-congrats.gsm").is_file()),
    reason="NO REAL SPEECH HERE: how much is understood is NOT tested. `make system` installs it",
)
needs_music = pytest.mark.skipif(
    not list(_MUSIC.glob("*.gsm")),
    reason="NO MUSIC ON HOLD HERE: what is made up from it is NOT tested. `make system` installs it",
)

PROMPTS = (
    "agent-alreadyon",
    "all-circuits-busy-now",
    "cannot-complete-as-dialed",
    "conf-invalid",
    "conf-now-recording",
    "conf-onlyone",
    "demo-congrats",
    "demo-moreinfo",
    "dir-nomore",
    "entr-num-rmv-blklist",
    "followme/options",
    "followme/pls-hold-while-try",
    "followme/status",
    "pbx-invalidpark",
    "priv-introsaved",
    "privacy-prompt",
    "privacy-unident",
    "queue-periodic-announce",
    "queue-thankyou",
    "queue-youarenext",
    "ss-noservice",
    "tt-somethingwrong",
    "tt-weasels",
    "vm-forward",
    "vm-invalid-password",
    "vm-mailboxfull",
    "vm-nobodyavail",
    "vm-nonumber",
    "vm-rec-temp",
    "vm-reenterpassword",
    "vm-review-nonurgent",
    "vm-whichbox",
)

_ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    *(
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def texts() -> dict[str, str]:
    """The text of each prompt in the package, except those without speech."""
    with gzip.open(_TEXTS, "rt", encoding="utf-8", errors="replace") as lines:
        pairs = [line.strip().split(": ", 1) for line in lines if ": " in line and not line.startswith(";")]
    return {name: text for name, text in pairs if not re.search(r"[\[<(]", text)}


def prompt(name: str) -> bytes:
    """The file of a prompt."""
    return (_SOUNDS / f"{name}.gsm").read_bytes()


def pause(seconds: int) -> bytes:
    return prompt(f"silence/{seconds}")


def hold_music() -> dict[str, bytes]:
    """The pieces of music on hold."""
    return {piece.stem: piece.read_bytes() for piece in sorted(_MUSIC.glob("*.gsm"))}


def seconds_of(gsm: bytes) -> float:
    return len(gsm) / _FRAME_BYTES * _FRAME_SECONDS


def heard(gsm: bytes) -> bytes:
    """Files of GSM, one after another, as an engine hears them: 16-bit samples at 16 kHz."""
    with render(Memory(gsm), "speech", DecoderLimits(60, 1024), hint=Hint("gsm")) as pcm:
        return b"".join(pcm)


def spoken_words(text: str) -> list[str]:
    """The words of a text as they are spoken: in lower case, without punctuation, numbers spelled."""
    spelled = re.sub(r"\d+", _spelled, text.lower().replace("*", " star ").replace("#", " pound "))
    return re.findall(r"[a-z]+", re.sub(r"['’]", "", spelled))


def _spelled(number: "re.Match[str]") -> str:
    """Below a hundred as one number, else digit by digit, as extensions are said."""
    digits = number.group()
    value = int(digits)
    if value > 99 or len(digits) > 2:
        return " ".join(_ONES[int(digit)] for digit in digits)
    if value < 20:
        return _ONES[value]
    return f"{_TENS[value // 10 - 2]} {_ONES[value % 10] if value % 10 else ''}"
