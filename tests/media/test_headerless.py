"""Media without a header: it sounds as it should once its source has said what it is."""

from collections.abc import Callable

import pytest

from earwitness.media.decoder import Undecodable, process, render
from earwitness.media.measurement import FORMATS, Audio, Hint, Limits
from tests.media import samples
from tests.media.hearing import Memory, hear
from tests.media.test_measuring import recorded

LIMITS = Limits(seconds=60, memory_mib=1024)

Case = tuple[Callable[[], bytes], Hint, Audio]
CASES: dict[str, Case] = {
    "a-law": (
        lambda: samples.sound("alaw", "pcm_alaw", channels=1),
        Hint("pcm_alaw"),
        Audio(1, 8000, "pcm_alaw"),
    ),
    "a-law of two": (
        lambda: samples.sound("alaw", "pcm_alaw"),
        Hint("pcm_alaw", 8000, 2),
        Audio(2, 8000, "pcm_alaw"),
    ),
    "µ-law of 16 kHz": (
        lambda: samples.sound("mulaw", "pcm_mulaw", 16000, channels=1),
        Hint("pcm_mulaw", 16000, 1),
        Audio(1, 16000, "pcm_mulaw"),
    ),
    "pcm": (lambda: samples.tones(8000, 2, 2), Hint("pcm_s16le", 8000, 2), Audio(2, 8000, "pcm_s16le")),
    "pcm, big end first": (
        lambda: samples.sound("s16be", "pcm_s16be", 16000),
        Hint("pcm_s16be", 16000, 2),
        Audio(2, 16000, "pcm_s16be"),
    ),
    # In call signalling G.722 is said to have 8,000 Hz, which it has not.
    "g722": (
        lambda: samples.sound("g722", "g722", 16000, channels=1),
        Hint("g722", 8000),
        Audio(1, 16000, "adpcm_g722"),
    ),
    "g726": (
        lambda: samples.sound("g726", "g726", channels=1),
        Hint("g726", 8000, 1),
        Audio(1, 8000, "adpcm_g726"),
    ),
    "g726, little end first": (
        lambda: samples.sound("g726le", "g726le", channels=1),
        Hint("g726le"),
        Audio(1, 8000, "adpcm_g726le"),
    ),
    "gsm": (lambda: recorded("headerless.gsm"), Hint("gsm"), Audio(1, 8000, "gsm")),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_with_a_hint_it_is_measured_and_heard(case: Case) -> None:
    make, hint, audio = case
    content = make()
    found = process(Memory(content), LIMITS, hint=hint)
    assert found.duration_ms == pytest.approx(2000, abs=25)
    assert found.audio == audio
    assert found.complete
    for format_ in FORMATS:
        made = hear(b"".join(render(Memory(content), format_, LIMITS, found.samples, hint)))
        assert made.seconds == pytest.approx(2, abs=0.3)
        assert made.loudness(0, samples.LEFT_HZ) > 0.2
    for side, hertz in enumerate((samples.LEFT_HZ, samples.RIGHT_HZ)[: audio.channels]):
        made = hear(b"".join(render(Memory(content), "wav", LIMITS, None, hint)))
        assert made.loudness(side, hertz) == pytest.approx(samples.LOUDNESS, rel=0.15)


def test_g729_is_as_long_as_its_frames() -> None:
    # Ten bytes make ten milliseconds; no encoder of it is at hand.
    found = process(Memory(bytes(range(200)) * 10), LIMITS, hint=Hint("g729"))
    assert (found.duration_ms, found.audio) == (2000, Audio(1, 8000, "g729"))


def test_without_a_hint_nobody_can_tell() -> None:
    for case in ("a-law", "pcm", "g722", "g726"):
        with pytest.raises(Undecodable):
            process(Memory(CASES[case][0]()), LIMITS)


@pytest.mark.parametrize(
    "content",
    [
        samples.wav(16000),
        samples.sound("ogg", "libopus", 48000),
        samples.sound("flac", "flac", 44100),
        samples.sound("ipod", "aac", 48000),
        samples.sound("amr", "libopencore_amrnb", channels=1),
        samples.sound("matroska", "pcm_s16le"),
    ],
    ids=["wav", "ogg", "flac", "m4a", "amr", "matroska"],
)
def test_a_header_is_believed_more_than_a_hint(content: bytes) -> None:
    assert process(Memory(content), LIMITS, hint=Hint("pcm_alaw", 8000, 1)) == process(
        Memory(content), LIMITS
    )
