"""Renditions: the same recording in another format, each channel on its side."""

import io
import math
import struct
import wave
from array import array

import pytest

from earwitness.kernel.formats import RENDERED, Rendered
from earwitness.media.decoder.decoder import FormatUnavailable, Undecodable, process, render
from earwitness.media.decoding import jobs
from earwitness.media.decoding.containers.wav_header import wav_header, wav_size
from earwitness.media.decoding.jobs import measure
from earwitness.media.measurement import DecoderLimits
from tests.media import samples
from tests.media.bundle import KINDS
from tests.media.hearing import Heard, Memory, hear, rendered
from tests.media.wavs import read_wav, write_wav

LIMITS = DecoderLimits(seconds=60, memory_mib=1024)
CONTAINERS = {"mp3": "mp3", "wav": "wav", "mp4": "mov,mp4,m4a,3gp,3g2,mj2"}
CODECS = {"mp3": "mp3", "wav": "pcm_s16le", "mp4": "aac"}

CALLS = {
    name: KINDS[name].make()
    for name in ("wav 8k", "wav 16k mono", "wav 11025", "a-law", "mp3", "flac", "opus", "m4a")
} | {"wav 4 channels": samples.wav(8000, channels=4)}
MEETINGS = {name: KINDS[name].make() for name in ("mp4", "mpeg-ts", "webm", "avi")} | {
    "h264 and opus": samples.meeting("matroska", "libx264", "libopus")
}


def in_mp3(content: bytes) -> bytes:
    sink = io.BytesIO()
    process(Memory(content), LIMITS, sink)
    return sink.getvalue()


@pytest.mark.parametrize("format_", RENDERED)
@pytest.mark.parametrize("call", CALLS)
def test_a_call_can_be_had_in_every_format(call: str, format_: Rendered) -> None:
    original, made = hear(CALLS[call]), hear(rendered(CALLS[call], format_))
    kind = format_.partition("-")[0]
    assert (made.container, made.codec) == (CONTAINERS[kind], CODECS[kind])
    assert made.rate == original.rate
    assert made.seconds == pytest.approx(original.seconds, abs=0.3)
    assert made.video is None
    most = {"wav": len(original.sides)}.get(format_, 1 if format_.endswith("-mono") else 2)
    assert len(made.sides) == min(len(original.sides), most)


@pytest.mark.parametrize("format_", ["mp3", "wav", "mp4"])
@pytest.mark.parametrize("call", ["wav 8k", "a-law", "opus", "m4a"])
def test_each_party_stays_on_its_side(call: str, format_: Rendered) -> None:
    _assert_sides(hear(rendered(CALLS[call], format_)))


def test_the_mp3_made_while_measuring_is_the_one_made_on_demand() -> None:
    on_demand = b"".join(render(Memory(CALLS["wav 8k"]), "mp3", LIMITS))
    assert in_mp3(CALLS["wav 8k"]) == on_demand == rendered(CALLS["wav 8k"], "mp3")
    _assert_sides(hear(in_mp3(CALLS["wav 8k"])))


def test_both_parties_are_in_the_mono_mix() -> None:
    for format_ in ("mp3-mono", "wav-mono"):
        heard = hear(rendered(CALLS["wav 8k"], format_))
        assert heard.loudness(0, samples.LEFT_HZ) == pytest.approx(samples.LOUDNESS / 2, rel=0.1)
        assert heard.loudness(0, samples.RIGHT_HZ) == pytest.approx(samples.LOUDNESS / 2, rel=0.1)


def _against(noise: float) -> bytes:
    """A call whose right channel is the left one with opposite sign, plus so much of a tone."""
    place = range(16_000)
    left = array("h", (int(12_000 * math.sin(2 * math.pi * samples.LEFT_HZ * at / 8000)) for at in place))
    tone = (noise * 12_000 * math.sin(2 * math.pi * samples.RIGHT_HZ * at / 8000) for at in place)
    return write_wav(
        [left, array("h", (int(other - one) for one, other in zip(left, tone, strict=True)))], 8000
    )


@pytest.mark.parametrize("format_", ["mp3-mono", "wav-mono"])
def test_opposite_channels_do_not_cancel_each_other_out_in_mono(format_: Rendered) -> None:
    content = _against(0.2)
    found = measure(io.BytesIO(content), None)
    assert found.opposite
    sink = io.BytesIO()
    jobs.render(io.BytesIO(content), format_, found.samples, sink, opposite=found.opposite)
    assert sink.getvalue() == rendered(content, format_)
    assert hear(sink.getvalue()).loudness(0, samples.LEFT_HZ) == pytest.approx(12_000 / 32_768, rel=0.1)
    assert len(hear(rendered(content, "wav")).sides) == 2


def test_nothing_else_is_corrected_in_mono() -> None:
    content = _against(0.8)  # a correlation of -0.78
    assert measure(io.BytesIO(content), None).opposite is False
    heard = hear(rendered(content, "wav-mono"))
    assert heard.loudness(0, samples.LEFT_HZ) < 0.01
    assert heard.loudness(0, samples.RIGHT_HZ) == pytest.approx(0.8 * 12_000 / 32_768 / 2, rel=0.1)


def _assert_sides(heard: Heard) -> None:
    for side, own, other in ((0, samples.LEFT_HZ, samples.RIGHT_HZ), (1, samples.RIGHT_HZ, samples.LEFT_HZ)):
        assert heard.loudness(side, own) == pytest.approx(samples.LOUDNESS, rel=0.1)
        assert heard.loudness(side, other) < 0.01


def test_a_wav_of_a_wav_is_the_same_samples() -> None:
    pcm = samples.tones(8000, 3.3, 2)
    with wave.open(io.BytesIO(rendered(samples.wav_of(pcm, 8000, 2), "wav"))) as made:
        assert made.getnframes() == len(pcm) // 4
        assert made.readframes(made.getnframes()) == pcm


@pytest.mark.parametrize("call", CALLS)
def test_a_wav_states_its_length_whether_it_was_measured_or_not(call: str) -> None:
    counted = measure(io.BytesIO(CALLS[call]), None).samples
    made = rendered(CALLS[call], "wav", counted)
    assert made == rendered(CALLS[call], "wav")
    wav = read_wav(made)
    assert {len(channel) for channel in wav.channels} == {counted}
    assert wav_size(counted, wav.rate, len(wav.channels)) == len(made)


@pytest.mark.parametrize("counted", [1, 15_000, 17_000])
def test_a_wav_has_its_stated_length_even_if_samples_were_counted_wrong(counted: int) -> None:
    made = rendered(CALLS["wav 8k"], "wav", counted)
    assert len(made) == 44 + counted * 4
    with wave.open(io.BytesIO(made)) as opened:
        assert opened.getnframes() == counted


def test_beyond_4_gib_a_wav_has_long_lengths() -> None:
    count = 2**31
    header = wav_header(count, 8000, 2)
    assert header[:4] == b"RF64"
    assert header[8:16] == b"WAVEds64"
    riff_size, data_size, frames = struct.unpack_from("<QQQ", header, 20)
    assert (data_size, frames) == (count * 4, count)
    assert riff_size == len(header) - 8 + data_size
    assert header[-8:] == b"data\xff\xff\xff\xff"
    assert wav_header(2**30 - 10, 8000, 2)[:4] == b"RIFF"
    of_many = wav_header(count, 8000, 24)
    assert of_many[:4] == b"RF64"
    riff_size, data_size, frames = struct.unpack_from("<QQQ", of_many, 20)
    assert (riff_size, data_size, frames) == (len(of_many) - 8 + count * 48, count * 48, count)
    assert of_many[-8:] == b"data\xff\xff\xff\xff"


@pytest.mark.parametrize("meeting", MEETINGS)
def test_a_meeting_in_mp4_has_every_picture_and_its_sound(meeting: str) -> None:
    original, made = hear(MEETINGS[meeting]), hear(rendered(MEETINGS[meeting], "mp4"))
    assert (made.container, made.codec, made.video) == (CONTAINERS["mp4"], "aac", "h264")
    assert made.pictures == original.pictures == 20
    assert made.seconds == pytest.approx(2, abs=0.15)
    _assert_sides(made)


@pytest.mark.parametrize("meeting", MEETINGS)
def test_the_sound_of_a_meeting_is_available_without_its_picture(meeting: str) -> None:
    made = hear(rendered(MEETINGS[meeting], "mp3"))
    assert made.video is None
    _assert_sides(made)


def test_without_sound_there_is_only_the_picture() -> None:
    silent = samples.meeting("mp4", "libx264", None)
    assert hear(rendered(silent, "mp4")).pictures == 20
    assert in_mp3(silent) == b""
    for format_ in ("mp3", "mp3-mono", "wav", "wav-mono"):
        with pytest.raises(FormatUnavailable) as told:
            render(Memory(silent), format_, LIMITS)
        assert told.value.extra == {"formats": ["raw", "mp4"]}


@pytest.mark.parametrize("format_", RENDERED)
def test_media_that_is_no_recording_is_refused_before_the_first_byte(format_: Rendered) -> None:
    for content in (b"", b"this is not a recording\n" * 99, samples.wav()[:44]):
        with pytest.raises(Undecodable):
            render(Memory(content), format_, LIMITS)


def test_a_truncated_recording_is_played_as_far_as_it_goes() -> None:
    whole = CALLS["wav 8k"]
    for format_ in RENDERED:
        assert hear(rendered(whole[: len(whole) // 2], format_)).seconds == pytest.approx(1, abs=0.3)


def test_after_damage_sound_and_picture_are_still_together() -> None:
    whole = bytearray(samples.meeting("mp4", "libx264", "aac"))
    begin = len(whole) // 2
    whole[begin : begin + 2000] = bytes(2000)
    for format_ in ("mp3", "wav"):
        assert hear(rendered(bytes(whole), format_)).seconds == pytest.approx(2, abs=0.15)


def test_an_unusual_rate_becomes_the_nearest_that_mp3_has() -> None:
    assert hear(rendered(samples.wav(6000), "mp3")).rate == 8000
    assert hear(rendered(samples.wav(96000), "mp3")).rate == 48000
    assert hear(rendered(samples.wav(96000), "wav")).rate == 96000
