"""Media without a header is decoded as its source states. `test_bundle` checks how it sounds."""

import io

import pytest

from earwitness.media.decoder.decoder import Undecodable, process
from earwitness.media.decoding.jobs import measure
from earwitness.media.measurement import Audio, DecoderLimits, Hint
from tests.media import samples
from tests.media.bundle import HEADERLESS, Kind
from tests.media.hearing import Memory

LIMITS = DecoderLimits(seconds=60, memory_mib=1024)


@pytest.mark.parametrize("kind", HEADERLESS.values(), ids=HEADERLESS.keys())
def test_with_a_hint_it_is_measured(kind: Kind) -> None:
    found = measure(io.BytesIO(kind.make()), None, kind.hint)
    assert found.duration_ms == pytest.approx(2000, abs=25)
    assert found.audio == kind.audio
    assert found.complete


def test_g729_is_as_long_as_its_frames() -> None:
    # Ten bytes are ten milliseconds. No encoder for it is available.
    found = process(Memory(bytes(range(200)) * 10), LIMITS, hint=Hint("g729"))
    assert (found.duration_ms, found.audio) == (2000, Audio(1, 8000, "g729"))


def test_without_a_hint_headerless_media_is_undecodable() -> None:
    for case in ("a-law", "pcm", "g722", "g726"):
        with pytest.raises(Undecodable):
            process(Memory(HEADERLESS[case].make()), LIMITS)


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
def test_a_header_counts_more_than_a_hint(content: bytes) -> None:
    assert process(Memory(content), LIMITS, hint=Hint("pcm_alaw", 8000, 1)) == process(
        Memory(content), LIMITS
    )
