"""Measuring: the length of a recording, its streams, and its waveform."""

import io
import os
from array import array
from pathlib import Path

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.media.decoder.decoder import FormatUnavailable, Undecodable, process, render
from earwitness.media.decoding import jobs
from earwitness.media.decoding.containers.wav_header import wav_header
from earwitness.media.measurement import Audio, DecoderLimits, Measurement, formats_of
from tests.media import samples
from tests.media.bundle import KINDS, Kind
from tests.media.hearing import Memory

LIMITS = DecoderLimits(seconds=60, memory_mib=1024)


UNDECODABLE: dict[str, bytes] = {
    "nothing": b"",
    "text": b"Dear Sir or Madam,\nthis is not a recording.\n" * 200,
    "a web page": b"<!DOCTYPE html><html><body>Please sign in</body></html>" * 50,
    "noise": bytes(range(256)) * 500,
    "zeros": bytes(100_000),
    "a header without sound": samples.wav()[:44],
    "half a header": samples.wav()[:20],
    "an mp4 without its index": samples.meeting("mp4", "libx264", "aac")[:20_000],
    "a picture": b"\x89PNG\r\n\x1a\n" + os.urandom(2000),
}


def measure(content: bytes) -> Measurement:
    return process(Memory(content), LIMITS)


def heard_peaks(found: Measurement) -> list[int]:
    """The peaks without those at either end, which may be cut."""
    assert found.peaks is not None
    return list(found.peaks)[1:-1]


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_formats_of_recorders_are_measured(kind: Kind) -> None:
    found = jobs.measure(io.BytesIO(kind.make()), None)
    assert found.duration_ms == pytest.approx(2000, abs=110)
    assert (found.audio, found.video) == (kind.audio, kind.video)
    assert found.complete
    assert found.samples == pytest.approx(2 * kind.audio.sample_rate, rel=0.05)
    assert min(heard_peaks(found)) > 40
    assert max(heard_peaks(found)) < 65
    assert formats_of(found) == ["raw", "mp3", "mp3-mono", "wav", "wav-mono", "mp4"]


def test_without_sound_the_picture_is_measured() -> None:
    found = measure(samples.meeting("mp4", "libx264", None))
    assert found.duration_ms == pytest.approx(2000, abs=110)
    assert (found.audio, found.video, found.peaks) == (None, "h264", None)
    assert formats_of(found) == ["raw", "mp4"]


def test_a_track_without_sound_beside_a_picture_is_reported() -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as output:
        shown, silent = output.add_stream("libx264", 10, width=64, height=48), output.add_stream("aac", 48000)
        for picture in samples.pictures(20):
            output.mux(shown.encode(picture))
        for stream in (shown, silent):
            output.mux(stream.encode(None))
    found = measure(file.getvalue())
    assert found.duration_ms == pytest.approx(2000, abs=110)
    assert (found.audio, found.video, found.complete) == (None, "h264", False)
    assert found.not_decoded == "nothing of the sound could be decoded"
    with pytest.raises(FormatUnavailable):
        render(Memory(file.getvalue()), "mp3", LIMITS)


def test_all_of_many_channels_are_counted() -> None:
    found = measure(samples.wav(8000, channels=4))
    assert (found.audio, found.duration_ms) == (Audio(4, 8000, "pcm_s16le"), 2000)


@pytest.mark.parametrize("content", UNDECODABLE.values(), ids=UNDECODABLE.keys())
def test_media_that_is_no_recording_is_undecodable(content: bytes) -> None:
    with pytest.raises(Undecodable) as told:
        measure(content)
    assert told.value.formats == ["raw"]


def test_a_playlist_does_not_make_it_read_other_files(tmp_path: Path) -> None:
    path = tmp_path / "other.wav"
    path.write_bytes(samples.wav())
    lists = [
        f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile://{path}\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile {path}\n",
    ]
    for playlist in lists:
        with pytest.raises(Undecodable):
            measure(playlist.encode())


@pytest.mark.parametrize(
    "whole",
    [
        samples.wav(),
        samples.sound("wav", "pcm_alaw"),
        samples.sound("flac", "flac", 44100),
        samples.meeting("webm", "libvpx", "libopus"),
    ],
    ids=["wav", "a-law", "flac", "webm"],
)
def test_a_truncated_recording_is_measured_as_far_as_it_goes(whole: bytes) -> None:
    found = measure(whole[: len(whole) // 2 + 1])
    assert 500 < found.duration_ms < 1500
    assert not found.complete


def test_a_truncated_mp3_is_as_long_as_what_is_left() -> None:
    whole = samples.sound("mp3", "libmp3lame", 16000)
    assert measure(whole[: len(whole) // 2]).duration_ms == pytest.approx(1000, abs=150)


def test_damage_in_the_middle_loses_only_that_part() -> None:
    whole = bytearray(samples.sound("ipod", "aac", 48000))
    begin = len(whole) // 2
    whole[begin : begin + 2000] = bytes(2000)
    found = measure(bytes(whole))
    assert found.duration_ms == pytest.approx(2000, abs=110)
    assert not found.complete


@pytest.mark.parametrize(("container", "codec"), [("webm", "libopus"), ("matroska", "pcm_s16le")])
def test_silence_fills_the_time_in_which_nothing_was_sent(container: str, codec: str) -> None:
    found = measure(samples.sound(container, codec, 48000, seconds=6, gap=(2, 4)))
    assert found.duration_ms == pytest.approx(6000, abs=60)
    assert found.peaks is not None
    assert max(found.peaks[17:31]) <= 1
    assert min(found.peaks[1:15]) > 40
    assert min(found.peaks[34:47]) > 40


# Because of how they are written, their clocks run ahead or leap at every packet. These leaps are no gaps.
@pytest.mark.parametrize(
    ("container", "codec", "rate", "channels"),
    [("asf", "flac", 48000, 2), ("avi", "g722", 8000, 1), ("avi", "libopencore_amrnb", 8000, 1)],
)
def test_a_clock_that_leaps_for_no_reason_adds_no_silence(
    container: str, codec: str, rate: int, channels: int
) -> None:
    found = measure(samples.sound(container, codec, rate, channels=channels))
    assert found.duration_ms == pytest.approx(2000, abs=60)
    assert min(heard_peaks(found)) > 40


def test_the_delay_of_a_decoder_adds_no_silence() -> None:
    """The first packet gives no sound, and at 8 kHz it takes 128 ms."""
    for container in ("mp4", "matroska"):
        found = measure(samples.sound(container, "aac", 8000, channels=1))
        assert found.duration_ms == pytest.approx(2000, abs=60)
        assert min(heard_peaks(found)) > 40


def test_peaks_are_those_of_the_loudest_channel() -> None:
    left = array("h", [0, 16384, -16384, 8192] * 1000)
    for factor in (-1, -0.5, 0):
        stereo = array("h", [side for sample in left for side in (sample, int(factor * sample))])
        found = measure(samples.wav_of(stereo.tobytes(), 8000, 2))
        assert found.peaks == bytes([50] * 4)
        assert found.channel_peaks == bytes([50] * 4 + [round(50 * abs(factor))] * 4)
    assert measure(samples.wav_of(left.tobytes(), 8000, 1)).peaks == bytes([50] * 4)


def test_peaks_go_from_silence_to_full_scale() -> None:
    pcm = array("h", [0] * 1000 + [32767] * 1000 + [-32768] * 1000 + [328] * 1000 + [0] * 10)
    assert measure(samples.wav_of(pcm.tobytes(), 8000, 1)).peaks == bytes([0, 100, 100, 1, 0])


@settings(max_examples=15)
@given(rate=st.sampled_from([8000, 11025, 12345, 22050, 44100]), window=st.integers(0, 79))
def test_peaks_keep_time_at_any_rate(rate: int, window: int) -> None:
    pcm = array("h", bytes(2 * rate * 10))
    pcm[window * rate // 8] = 32767
    pcm[(window + 1) * rate // 8 - 1] = 32767
    found = jobs.measure(io.BytesIO(samples.wav_of(pcm.tobytes(), rate, 1)), None)
    assert found.samples == rate * 10
    assert found.duration_ms == 10_000
    assert found.peaks == bytes([0] * window + [100] + [0] * (79 - window))


def test_an_index_at_the_end_is_read_without_reading_all_before_it() -> None:
    content = samples.meeting("mp4", "libx264", "aac", seconds=8)
    source = Memory(content)
    process(source, LIMITS)
    assert source.taken < 3 * len(content)


@pytest.mark.parametrize("bit_rate", [192_000, 640_000])  # short and the longest frames
def test_compressed_sound_in_a_wav_that_says_it_is_pcm_is_decoded(bit_rate: int) -> None:
    compressed = samples.sound("ac3", "ac3", 48000, bit_rate=bit_rate)
    found = measure(wav_header(len(compressed) // 4, 48000, 2) + compressed)
    assert found.audio == Audio(2, 48000, "ac3")
    assert found.duration_ms == pytest.approx(2000, abs=110)
