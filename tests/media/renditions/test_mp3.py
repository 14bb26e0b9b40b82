"""The mp3 rendition has as many samples as the recording, at the same times."""

import io
import math
from array import array

import av
import pytest
from av.audio.frame import AudioFrame
from av.container import InputContainer

from earwitness.media.decoding.jobs import measure
from earwitness.media.decoding.renditions.rates import bits_per_channel
from tests.media import samples
from tests.media.hearing import hear, rendered

RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
OTHER_RATES = {6000: 8000, 18900: 16000, 37800: 32000, 44056: 44100, 96000: 48000}
MOMENTS = (0.0719, 0.1, 1.0, 2.3)


def of_length(rate: int, seconds: float, channels: int) -> bytes:
    return samples.wav(rate, seconds, channels)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", RATES)
def test_an_mp3_has_as_many_samples_as_the_recording(rate: int, channels: int) -> None:
    for seconds in MOMENTS:
        content = of_length(rate, seconds, channels)
        heard = hear(rendered(content, "mp3"))
        assert heard.rate == rate
        assert [len(side) for side in heard.sides] == [int(rate * seconds)] * channels
        assert len(hear(rendered(content, "mp3-mono")).sides[0]) == int(rate * seconds)


@pytest.mark.parametrize("rate", OTHER_RATES)
def test_at_another_rate_it_is_as_long_to_the_sample(rate: int) -> None:
    heard = hear(rendered(of_length(rate, 2.3, 2), "mp3"))
    assert heard.rate == OTHER_RATES[rate]
    assert abs(len(heard.sides[0]) - 2.3 * heard.rate) <= 1


@pytest.mark.parametrize("rate", RATES)
def test_a_click_keeps_its_time(rate: int) -> None:
    pcm = array("h", bytes(2 * rate))
    for place in (rate // 3, rate - 40):
        for offset in range(8):
            pcm[place + offset] = 30000 if offset < 4 else -30000
    [side] = hear(rendered(samples.wav_of(pcm.tobytes(), rate, 1), "mp3")).sides
    assert len(side) == rate
    for place, begin, end in ((rate // 3, 0, rate // 2), (rate - 40, rate // 2, rate)):
        steepest = max(range(begin, end - 1), key=lambda at: side[at] - side[at + 1])
        assert abs(steepest - (place + 3)) <= 1


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", RATES)
def test_the_bytes_before_a_moment_are_its_share_of_the_bit_rate(rate: int, channels: int) -> None:
    """Players that do not read a table for seeking depend on this."""
    mp3 = rendered(of_length(rate, 30, channels), "mp3")
    bytes_a_second = bits_per_channel(rate) * channels / 8
    frame = mp3_frame_seconds(rate)
    assert len(mp3) == pytest.approx((30 + 3 * frame) * bytes_a_second, abs=2 * frame * bytes_a_second)
    with av.open(io.BytesIO(mp3), "r") as opened:
        stated = opened.duration
        assert stated is not None
        assert stated / 1e6 == pytest.approx(30, abs=2 * frame)
        opened.seek(20_000_000)
        assert _moment(opened) == pytest.approx(20, abs=2 * frame)
        packets = [packet for packet in opened.demux(audio=0) if packet.size]
    assert len({packet.size for packet in packets}) <= 2


def mp3_frame_seconds(rate: int) -> float:
    return (1152 if rate >= 32000 else 576) / rate


def _moment(opened: InputContainer) -> float:
    frame = next(opened.decode(audio=0))
    assert isinstance(frame, AudioFrame)
    assert frame.time is not None
    return frame.time


def test_the_info_tag_is_that_of_lame() -> None:
    for rate, channels, side in ((8000, 1, 9), (16000, 2, 17), (44100, 1, 17), (48000, 2, 32)):
        mp3 = rendered(of_length(rate, 2.3, channels), "mp3")
        tag = mp3[4 + side :]
        assert tag[:8] == b"Info\0\0\0\x03"
        frames, size = int.from_bytes(tag[8:12], "big"), int.from_bytes(tag[12:16], "big")
        assert tag[16:20] == b"LAME"
        delay, padding = divmod(int.from_bytes(tag[37:40], "big"), 1 << 12)
        each = 1152 if rate >= 32000 else 576
        assert frames * each - delay - padding == int(rate * 2.3)
        assert (delay, size) == (576, len(mp3))


@pytest.mark.parametrize("counted", [1000, 15_000, 17_000])
def test_an_mp3_has_its_stated_length_even_if_samples_were_counted_wrong(counted: int) -> None:
    mp3 = rendered(samples.wav(8000), "mp3", counted)
    assert len(hear(mp3).sides[0]) == counted


def test_an_mp3_that_is_too_long_for_memory_is_the_same() -> None:
    content = samples.wav(8000, 20)
    held, written_after, on_demand = io.BytesIO(), io.BytesIO(), rendered(content, "mp3", 160_000)
    found = measure(io.BytesIO(content), held)
    assert measure(io.BytesIO(content), written_after, most_held_bytes=10_000) == found
    assert held.getvalue() == written_after.getvalue() == on_demand


def test_an_mp3_of_an_mp3_of_an_mp3_is_no_longer() -> None:
    content = samples.wav(8000, 2.3)
    for _ in range(3):
        content = rendered(content, "mp3")
    assert len(hear(content).sides[0]) == math.floor(8000 * 2.3)
