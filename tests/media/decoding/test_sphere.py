"""NIST SPHERE, as speech corpora use it: plain sound is decoded, compressed sound is kept only as raw."""

from array import array
from functools import partial

import pytest

from earwitness.media.decoder.decoder import Undecodable, process
from earwitness.media.measurement import DecoderLimits, Hint
from tests.firm import Firm
from tests.media.hearing import Memory, hear, rendered
from tests.media.samples import LEFT_HZ, LOUDNESS, RIGHT_HZ, sound, sphere, tones

LIMITS = DecoderLimits(seconds=60, memory_mib=1024)
PLAY = "/client/recording.playBackByThirdPartyId"

LINEAR = partial(sphere, sample_n_bytes=2, sample_count=16000, sample_rate=8000)
COMPANDED = partial(sphere, sample_n_bytes=1, sample_count=16000, sample_rate=8000)
SIDES = [array("h", tones(8000, 2, 2))[side::2] for side in range(2)]
# channel_count, sample_byte_format and sample_coding, as corpora write them.
STEREO = {
    "little end first": LINEAR(
        tones(8000, 2, 2), channel_count=2, sample_byte_format="01", sample_coding="pcm"
    ),
    "big end first": LINEAR(
        sound("s16be", "pcm_s16be"), channel_count=2, sample_byte_format="10", sample_coding="pcm"
    ),
    "as TIMIT has it": LINEAR(tones(8000, 2, 2), channel_count=2, sample_byte_format="01"),
    "a longer header": LINEAR(
        tones(8000, 2, 2), header_size=2048, channel_count=2, sample_byte_format="01", sample_coding="pcm"
    ),
    "µ-law, as Switchboard has it": COMPANDED(
        sound("mulaw", "pcm_mulaw"), channel_count=2, sample_byte_format="1", sample_coding="ulaw"
    ),
    "µ-law by its other name": COMPANDED(
        sound("mulaw", "pcm_mulaw"), channel_count=2, sample_coding="mu-law"
    ),
    "A-law": COMPANDED(sound("alaw", "pcm_alaw"), channel_count=2, sample_coding="alaw"),
}


@pytest.mark.parametrize("kind", STEREO)
def test_each_side_is_heard_to_the_sample(kind: str) -> None:
    found = process(Memory(STEREO[kind]), LIMITS)
    assert found.audio is not None
    assert (found.audio.channels, found.audio.sample_rate) == (2, 8000)
    assert (found.samples, found.complete) == (16000, True)
    heard = hear(rendered(STEREO[kind], "wav"))
    assert heard.loudness(0, LEFT_HZ) == pytest.approx(LOUDNESS, rel=0.02)
    assert heard.loudness(1, RIGHT_HZ) == pytest.approx(LOUDNESS, rel=0.02)
    assert heard.loudness(0, RIGHT_HZ) < 0.01
    if "law" not in kind:
        assert [side.tobytes() for side in heard.sides] == [side.tobytes() for side in SIDES]


@pytest.mark.parametrize("channels", [1, 3, 4, 6, 8])
def test_as_many_channels_are_found_as_the_header_says(channels: int) -> None:
    many = LINEAR(tones(8000, 2, channels), channel_count=channels, sample_byte_format="01")
    found = process(Memory(many), LIMITS)
    assert found.audio is not None
    assert (found.audio.channels, found.samples) == (channels, 16000)


def test_a_file_that_is_cut_off_is_decoded_and_marked() -> None:
    cut = LINEAR(tones(8000, 1, 2), channel_count=2, sample_byte_format="01", sample_coding="pcm")
    found = process(Memory(cut), LIMITS)
    assert (found.samples, found.complete) == (8000, False)


def test_the_header_takes_precedence_over_what_the_source_stated() -> None:
    found = process(Memory(STEREO["A-law"]), LIMITS, hint=Hint("pcm_s16le", 16000, 1))
    assert found.audio is not None
    assert found.audio.codec == "pcm_alaw"


# As SPHERE files embed it, Shorten is without the header of a wav that FFmpeg looks for first.
SHORTENED = b"ajkg\x02" + bytes.fromhex("fbb170096a0028c100") + bytes(64)


@pytest.mark.parametrize(
    "coding", ["pcm,embedded-shorten-v2.00", "ulaw,embedded-shorten-v2.00", "pcm,embedded-wavpack"]
)
def test_a_compressed_sphere_file_is_available_only_as_raw(firm: Firm, coding: str) -> None:
    packed = LINEAR(SHORTENED, channel_count=1, sample_byte_format="01", sample_coding=coding)
    with pytest.raises(Undecodable):
        process(Memory(packed), LIMITS)
    firm.ingest(packed)
    firm.work()
    raw = firm.call("POST", PLAY, {"thirdPartyId": "call-1", "format": "raw"})
    assert (raw.status_code, raw.content) == (200, packed)
    mp3 = firm.call("POST", PLAY, {"thirdPartyId": "call-1"})
    assert (mp3.status_code, mp3.json()["formats"]) == (422, ["raw"])
