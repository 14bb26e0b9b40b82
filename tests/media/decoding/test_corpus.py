"""Media files are played back, and compared with the original channel by channel."""

import io
import math
from array import array

import pytest

from earwitness.media.decoding.jobs import measure, render
from earwitness.media.decoding.sound.speech import SPEECH_RATE
from tests.media.corpus import CORPUS, File, pitch_of
from tests.media.hearing import Heard, hear, rendered
from tests.media.samples import LOUDNESS
from tests.media.wavs import read_wav

# At this time every channel of every file has sound: late tracks have begun, and short ones have not ended.
_HEARD_FROM, _HEARD_SECONDS = 0.56, 0.1


def loudness(samples: "array[int]", rate: int, pitch: int) -> float:
    """How loud a tone is at that time, 0 to 1."""
    begin = int(_HEARD_FROM * rate)
    heard = samples[begin : begin + int(_HEARD_SECONDS * rate)]
    turn = 2 * math.pi * pitch / rate
    along = sum(sample * math.cos(turn * place) for place, sample in enumerate(heard))
    across = sum(sample * math.sin(turn * place) for place, sample in enumerate(heard))
    return math.hypot(along, across) * 2 / 32768 / len(heard)


def level_of(file: File, channel: int) -> float:
    return 0 if file.channels[channel].is_silent else LOUDNESS


@pytest.mark.parametrize("name", CORPUS)
def test_the_wav_has_every_channel_unchanged(name: str) -> None:
    file = CORPUS[name]
    wav = read_wav(rendered(file.make(), "wav"))
    assert (wav.rate, len(wav.channels)) == (file.rate, len(file.channels))
    assert wav.speakers == (None if len(file.channels) <= 2 else 0)
    for channel, samples in enumerate(wav.channels):
        if file.is_exact:
            assert samples == file.went_in(channel), f"channel {channel}"
            continue
        assert len(samples) / wav.rate == pytest.approx(file.seconds, abs=0.07)
        for other in range(len(file.channels)):
            expected = level_of(file, channel) if other == channel else 0
            assert loudness(samples, wav.rate, pitch_of(other)) == pytest.approx(expected, abs=0.04)


@pytest.mark.parametrize("name", CORPUS)
def test_it_is_measured_with_the_waveform_of_each_channel(name: str) -> None:
    file = CORPUS[name]
    found = measure(io.BytesIO(file.make()), None)
    assert found.duration_ms == pytest.approx(file.seconds * 1000, abs=70)
    assert found.audio is not None
    assert (found.audio.channels, found.audio.sample_rate) == (len(file.channels), file.rate)
    assert found.tracks == tuple(track.channels for track in file.tracks)
    assert (found.complete, found.not_decoded) == (True, "")
    assert found.peaks is not None
    assert found.channel_peaks is not None
    length, channels = len(found.peaks), len(file.channels)
    assert length == pytest.approx(file.seconds * 8, abs=1)
    apart = [found.channel_peaks[channel * length : (channel + 1) * length] for channel in range(channels)]
    assert found.peaks == bytes(map(max, zip(*apart, strict=True)))
    for channel, peaks in enumerate(apart):
        assert peaks[5] == pytest.approx(level_of(file, channel) * 100, abs=6), f"channel {channel}"
    assert found.distinct == tuple(channel for channel in range(channels) if level_of(file, channel))
    assert not found.opposite


@pytest.mark.parametrize("format_", ["mp3", "mp4"])
@pytest.mark.parametrize("name", CORPUS)
def test_players_get_each_side_or_the_even_mix_on_both(name: str, format_: str) -> None:
    file = CORPUS[name]
    heard = hear(rendered(file.make(), "mp3" if format_ == "mp3" else "mp4"))
    channels = len(file.channels)
    assert len(heard.sides) == min(channels, 2)
    assert heard.seconds == pytest.approx(file.seconds, abs=0.3)
    for side in range(len(heard.sides)):
        for channel in range(channels):
            expected = level_of(file, channel) / channels
            if channels <= 2:
                expected = level_of(file, channel) if side == channel else 0
            assert _level(heard, side, pitch_of(channel)) == pytest.approx(expected, abs=0.04)


def _level(heard: Heard, side: int, pitch: int) -> float:
    return loudness(heard.sides[side], heard.rate, pitch)


@pytest.mark.parametrize("name", ["wav of 1", "wav of 2", "wav of 9", "two tracks, two and one"])
@pytest.mark.parametrize("format_", ["mp3-mono", "wav-mono"])
def test_all_channels_are_in_the_mono_mix_with_the_same_share(name: str, format_: str) -> None:
    file = CORPUS[name]
    heard = hear(rendered(file.make(), "mp3-mono" if format_ == "mp3-mono" else "wav-mono"))
    assert len(heard.sides) == 1
    for channel in range(len(file.channels)):
        share = LOUDNESS / len(file.channels)
        assert _level(heard, 0, pitch_of(channel)) == pytest.approx(share, abs=0.03)


@pytest.mark.parametrize("name", ["wav of 2", "wav of 9", "three tracks", "two tracks, the second later"])
def test_each_channel_can_be_decoded_by_itself(name: str) -> None:
    file = CORPUS[name]
    content = file.make()
    for channel in range(len(file.channels)):
        sink = io.BytesIO()
        render(io.BytesIO(content), "speech", None, sink, channel=channel)
        samples = array("h", sink.getvalue())
        track = file.channels[channel]
        assert len(samples) / SPEECH_RATE == pytest.approx(track.begins + track.seconds, abs=0.02)
        assert loudness(samples, SPEECH_RATE, pitch_of(channel)) == pytest.approx(LOUDNESS, abs=0.02)
