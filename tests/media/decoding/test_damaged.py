"""Files that are cut off, joined or wrapped: all that exists is decoded, and what is missing is reported."""

import io
import struct
import tracemalloc
from collections.abc import Callable
from contextlib import suppress

import av
import pytest

from earwitness.media.decoder.decoder import process
from earwitness.media.decoding.containers.not_media import NotMedia
from earwitness.media.decoding.containers.structure import survey
from earwitness.media.decoding.jobs import measure
from earwitness.media.measurement import DecoderLimits, Measurement
from tests.media import samples
from tests.media.hearing import Memory, hear, rendered

RATE = 8000


def pcm(hertz: int, seconds: float, rate: int = RATE) -> bytes:
    """One channel of a tone: the left one of the samples, at another pitch."""
    whole = samples.tones(rate * hertz // samples.LEFT_HZ, seconds * samples.LEFT_HZ / hertz, 1)
    return whole[: int(seconds * rate) * 2]


def riff(*chunks: tuple[bytes, bytes, int | None]) -> bytes:
    """A wav of chunks, each with the size that it states, or the right one."""
    body = b"".join(
        name
        + struct.pack("<I", len(content) if stated is None else stated)
        + content
        + bytes(len(content) % 2)
        for name, content, stated in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body


def fmt(rate: int = RATE, channels: int = 1) -> tuple[bytes, bytes, None]:
    return b"fmt ", struct.pack("<HHIIHH", 1, channels, rate, rate * 2 * channels, 2 * channels, 16), None


def data(sound: bytes, stated: int | None = None) -> tuple[bytes, bytes, int | None]:
    return b"data", sound, stated


LIST: tuple[bytes, bytes, None] = b"LIST", b"INFOISFT\x04\0\0\0abc\0", None
LOW, HIGH = pcm(500, 2), pcm(1000, 2)


def found_in(content: bytes) -> Measurement:
    return measure(io.BytesIO(content), None)


def heard_seconds(content: bytes) -> float:
    """The length of its wav rendition, made without a measurement."""
    return hear(rendered(content, "wav")).seconds


def test_a_header_of_five_seconds_before_three_of_sound_reports_what_is_missing() -> None:
    found = found_in(riff(fmt(), data(pcm(500, 3.1), stated=5 * RATE * 2)))
    assert (found.duration_ms, found.complete) == (3100, False)
    assert found.not_decoded == "1.9 s of sound that the header promises are missing"


@pytest.mark.parametrize("stated", [0, 0xFFFF_FFFF, 0xFFFF_FFFF - 36, 0x7FFF_FFFF, 0x7FFF_F000])
def test_sizes_that_writers_to_a_pipe_cannot_fill_in_are_no_damage(stated: int) -> None:
    found = found_in(riff(fmt(), data(LOW, stated)))
    assert (found.duration_ms, found.complete, found.not_decoded) == (2000, True, "")


@pytest.mark.parametrize(
    "content",
    [
        riff(fmt(), data(LOW), data(HIGH)),
        riff(fmt(), data(LOW), LIST, fmt(), data(HIGH), LIST),
        riff(fmt(), data(b""), LIST, data(LOW + HIGH)),
        riff(fmt(), data(LOW)) + riff(fmt(), data(HIGH)),
        riff(fmt(), data(LOW), LIST) + riff(LIST, fmt(), data(HIGH), LIST),
        riff(fmt(), data(LOW, stated=0xFFFF_FFFF)) + riff(fmt(), data(HIGH, stated=0)),
        riff(fmt(), data(LOW + HIGH, stated=len(LOW))),
        riff(fmt(), data(LOW + HIGH, stated=len(LOW))) + bytes(5000),
    ],
    ids=[
        "two data chunks",
        "two data chunks with others between",
        "an empty one first",
        "a wav behind a wav",
        "wavs with other chunks",
        "wavs of open sizes",
        "a header that promises less",
        "and zeros behind",
    ],
)
def test_all_the_sound_of_a_wav_is_heard_in_its_order(content: bytes) -> None:
    found = found_in(content)
    assert found.complete, found.not_decoded
    assert found.duration_ms == pytest.approx(4000, abs=320)
    wav = hear(rendered(content, "wav"))
    assert wav.sides[0][: 4 * RATE].tobytes() == LOW + HIGH


def test_bytes_after_the_sound_are_not_decoded_as_sound() -> None:
    whole = riff(fmt(), data(LOW))
    text = b"<call><from>447700900123</from></call>\n" * 500
    for behind in (bytes(20_000), text, b"TAG" + b"x" * 5000, b"\xd5" * 100):
        found = found_in(whole + behind)
        assert (found.duration_ms, found.complete) == (2000, True)


@pytest.mark.parametrize(
    ("behind", "rate"),
    [
        (riff(fmt(16000), data(pcm(1000, 2, 16000))), 16000),
        (samples.sound("flac", "flac", 16000, channels=1), 16000),
        (samples.sound("ogg", "libopus", 48000, channels=1), 48000),
        (samples.sound("w64", "pcm_alaw", 8000, channels=1), 8000),
    ],
    ids=["wav of another rate", "flac", "ogg", "w64"],
)
def test_a_recording_in_another_format_after_a_wav_is_decoded(behind: bytes, rate: int) -> None:
    content = riff(fmt(), data(LOW)) + behind
    found = found_in(content)
    assert found.complete, found.not_decoded
    assert found.duration_ms == pytest.approx(4000, abs=30)
    assert found.audio is not None
    assert found.audio.sample_rate == rate
    assert heard_seconds(content) == pytest.approx(4, abs=0.03)


def test_the_confined_process_decodes_joined_recordings() -> None:
    content = riff(fmt(), data(LOW)) + samples.sound("flac", "flac", 16000)
    found = process(Memory(content), DecoderLimits(seconds=60, memory_mib=1024))
    assert (found.duration_ms, found.not_decoded) == (4000, "")


def test_a_stereo_recording_after_a_mono_one_keeps_its_sides() -> None:
    content = riff(fmt(), data(LOW)) + samples.wav(RATE, 2.0, channels=2)
    wav = hear(rendered(content, "wav"))
    left, right = wav.sides
    assert left[: 2 * RATE] == right[: 2 * RATE]
    both = hear(samples.wav(RATE, 2.0, channels=2))
    assert [left[2 * RATE :], right[2 * RATE :]] == both.sides


KINDS: dict[str, Callable[[], bytes]] = {
    "wav": lambda: samples.wav(RATE),
    "a-law wav": lambda: samples.sound("wav", "pcm_alaw"),
    "w64": lambda: samples.sound("w64", "pcm_s16le"),
    "aiff": lambda: samples.sound("aiff", "pcm_s16be"),
    "au": lambda: samples.sound("au", "pcm_mulaw"),
    "caf": lambda: samples.sound("caf", "pcm_s16be"),
    "flac": lambda: samples.sound("flac", "flac", 16000),
    "ogg": lambda: samples.sound("ogg", "libopus", 48000),
    "mp3": lambda: samples.sound("mp3", "libmp3lame", 16000),
    "amr": lambda: samples.sound("amr", "libopencore_amrnb", channels=1),
    "m4a": lambda: samples.sound("ipod", "aac", 48000),
    "mkv": lambda: samples.sound("matroska", "pcm_s16le"),
    "webm": lambda: samples.sound("webm", "libopus", 48000),
    "avi": lambda: samples.sound("avi", "pcm_s16le"),
    "aac": lambda: samples.sound("adts", "aac", 48000),
    "tta": lambda: samples.sound("tta", "tta", 44100),
    "voc": lambda: samples.sound("voc", "pcm_u8"),
    "mpegts": lambda: samples.sound("mpegts", "aac", 48000),
}


@pytest.mark.parametrize("kind", KINDS)
def test_two_recordings_that_are_joined_are_both_heard(kind: str) -> None:
    once, twice = KINDS[kind](), KINDS[kind]() * 2
    found = found_in(twice)
    assert found.complete, found.not_decoded
    assert found.duration_ms == pytest.approx(2 * found_in(once).duration_ms, abs=150)
    assert heard_seconds(twice) == pytest.approx(found.duration_ms / 1000, abs=0.01)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in {"mp3", "m4a"}])
def test_a_recording_that_is_cut_off_is_decoded_so_far_and_marked(kind: str) -> None:
    whole = KINDS[kind]()
    found = found_in(whole[: len(whole) * 6 // 10 + 3])
    assert 800 < found.duration_ms < 1300
    assert not found.complete
    assert found.not_decoded


@pytest.mark.parametrize(
    "kind", ["wav", "a-law wav", "w64", "aiff", "au", "caf", "flac", "amr", "tta", "voc", "aac", "mpegts"]
)
def test_after_a_recording_that_is_cut_off_the_next_is_decoded_whole(kind: str) -> None:
    whole = KINDS[kind]()
    cut = whole[: len(whole) * 6 // 10 + 3]
    found = found_in(cut + whole)
    assert found.not_decoded
    alone = found_in(cut).duration_ms + found_in(whole).duration_ms
    assert found.duration_ms == pytest.approx(alone, abs=60)


def test_a_recording_after_a_meeting_is_reported_as_not_decoded() -> None:
    meeting = samples.meeting("mp4", "libx264", "aac")
    found = found_in(meeting * 2)
    assert found.video == "h264"
    assert found.not_decoded == "1 more recording after the first one in this file, not decoded"


@pytest.mark.parametrize("trailing", [b"", riff(LIST)[12:]])
def test_a_length_that_wrapped_at_four_gib_is_corrected(trailing: bytes) -> None:
    beyond = 3 * RATE * 2
    sound = (1 << 32) + beyond
    head = riff(fmt(), data(b"", stated=beyond))
    file = Sparse(len(head) + sound + len(trailing), {0: head, len(head) + sound: trailing})
    whole = survey(file)
    [part] = whole.parts
    assert not whole.notes
    with av.open(part, "r") as media:
        stream = media.streams.audio[0]
        assert stream.duration == sound // 2


def test_memory_does_not_grow_with_what_a_header_claims() -> None:
    tracemalloc.start()
    claims = riff(fmt(), data(LOW, stated=0xF000_0000))
    many = b"".join(riff(fmt(), data(b"\1\2" * 10)) for _ in range(3000))
    chunks = b"RIFF\0\0\0\0WAVE" + fmt()[0] + struct.pack("<I", 16) + fmt()[1] + b"data\2\0\0\0\1\2" * 30_000
    for content in (claims, many, chunks):
        survey(io.BytesIO(content))
    assert tracemalloc.get_traced_memory()[1] < 32 << 20
    tracemalloc.stop()


class Sparse:
    """A file of any length that is silent except for some stretches."""

    def __init__(self, size: int, held: dict[int, bytes], silence: bytes = b"\0") -> None:
        self._size, self._held, self._silence = size, held, silence
        self._position = 0

    def read(self, size: int, /) -> bytes:
        start = self._position
        stop = min(start + size, self._size)
        piece = bytearray(self._silence * max(stop - start, 0))
        for at, content in self._held.items():
            first, last = max(at, start), min(at + len(content), stop)
            if first < last:
                piece[first - start : last - start] = content[first - at : last - at]
        self._position = max(stop, start)
        return bytes(piece)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self._position = {0: 0, 1: self._position, 2: self._size}[whence] + offset
        return self._position

    def tell(self) -> int:
        return self._position


@pytest.mark.parametrize(
    "content",
    [
        riff(fmt(), data(bytes(20))) + b"WAVE" * 500_000,
        b"FORM\0\0\0\x04AIFF" + b"AIF" * 700_000,
        riff(fmt(), data(bytes(20))) + bytes(2_000_000),
    ],
    ids=["halves of headers of wav", "halves of headers of AIFF", "zeros, which are no chunks"],
)
def test_a_million_apparent_beginnings_are_searched_in_one_pass(content: bytes) -> None:
    file = CountedFile(content)
    with suppress(NotMedia):
        measure(file, None)
    assert file.calls < 1000


class CountedFile(io.BytesIO):
    calls = 0

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self.calls += 1
        return super().seek(offset, whence)


def test_too_many_recordings_in_one_file_are_reported() -> None:
    au = b".snd" + struct.pack(">IIIII", 24, 8, 1, RATE, 1) + bytes(8)
    found = found_in(au * 1003)
    assert found.samples == 8000
    assert found.not_decoded == "96 bytes after the first 1000 recordings, not decoded"


def test_too_many_pieces_of_sound_are_reported() -> None:
    found = found_in(riff(fmt(), *[data(b"\1\0")] * 100_010))
    assert found.samples > 99_000
    assert "after too many pieces of sound, not decoded" in found.not_decoded


def test_a_caf_without_a_length_is_whole() -> None:
    desc = struct.pack(">d4sIIIII", RATE, b"lpcm", 2, 2, 1, 1, 16)
    content = b"caff\0\1\0\0" + b"desc" + struct.pack(">Q", len(desc)) + desc
    found = found_in(content + b"data" + b"\xff" * 8 + bytes(4) + pcm(500, 1.37))
    assert (found.samples, found.not_decoded) == (10960, "")
