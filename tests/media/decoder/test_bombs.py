"""Recordings that are very long, or claim to be, stay within the limits of memory and time."""

import io
import struct
import zlib

import av
import pytest
from av.stream import Disposition
from av.video.stream import VideoStream

from earwitness.media.decoder.decoder import process
from earwitness.media.decoding.containers.not_media import NotMedia
from earwitness.media.decoding.containers.wav_header import wav_header
from earwitness.media.decoding.jobs import measure
from earwitness.media.decoding.sound.pcm import SoundLimits
from earwitness.media.measurement import DecoderLimits
from tests.media import samples
from tests.media.hearing import Memory

LITTLE_MEMORY = DecoderLimits(seconds=600, memory_mib=400)


class TenHours:
    """A call of ten hours with a tick each second. It is made while it is read."""

    rate = 2000
    samples = rate * 10 * 3600
    header = wav_header(samples, rate, 1)
    size = len(header) + samples * 2
    second = struct.pack("<h", 16384) + bytes(2 * rate - 2)
    most = 0

    def read(self, start: int, stop: int, /) -> bytes:
        self.most = max(self.most, stop - start)
        begin = max(start - len(self.header), 0)
        seconds = self.second * ((stop - start) // len(self.second) + 2)
        offset = begin % len(self.second)
        sound = seconds[offset : offset + stop - start]
        return (self.header[start:stop] + sound)[: stop - start]


def test_ten_hours_are_measured_a_little_at_a_time() -> None:
    source = TenHours()
    found = process(source, LITTLE_MEMORY)
    assert found.duration_ms == 10 * 3600 * 1000
    assert found.samples == source.samples
    assert found.complete
    assert found.peaks == (b"\x32" + bytes(7)) * 36_000
    assert source.most <= 1 << 20


def test_the_length_that_a_header_claims_is_not_trusted() -> None:
    flac = bytearray(samples.sound("flac", "flac", 8000))
    assert flac[:4] == b"fLaC"
    # The number of samples: 36 bits at the end of these eight bytes.
    (stated,) = struct.unpack_from(">Q", flac, 18)
    struct.pack_into(">Q", flac, 18, stated >> 36 << 36 | 8000 * 3600 * 1000)
    whole = samples.wav()
    wav = whole[:40] + b"\xf0\xff\xff\x5f" + whole[44:]
    for claiming in (bytes(flac), wav):
        found = process(Memory(claiming), LITTLE_MEMORY)
        assert found.duration_ms == pytest.approx(2000, abs=110)
        assert not found.complete


@pytest.mark.parametrize(("most_silence_ms", "duration_ms"), [(7_000, 12_000), (4_000, 7_000)])
def test_the_silence_that_fills_gaps_is_limited(most_silence_ms: int, duration_ms: int) -> None:
    gaps = samples.sound("matroska", "pcm_s16le", 8000, seconds=12, gap=(1, 6))
    limits = SoundLimits(most_silence_ms=most_silence_ms)
    assert measure(io.BytesIO(gaps), None, limits=limits).duration_ms == pytest.approx(duration_ms, abs=110)


def test_sound_that_goes_on_for_days_is_no_recording() -> None:
    endless = samples.wav(8000, seconds=3)
    assert measure(io.BytesIO(endless), None, limits=SoundLimits(longest_seconds=3)).duration_ms == 3000
    with pytest.raises(NotMedia):
        measure(io.BytesIO(endless), io.BytesIO(), limits=SoundLimits(longest_seconds=2))


def picture_of(width: int, height: int) -> bytes:
    """A black PNG, thousands of times smaller than its pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    lines = b"".join(packer.compress(bytes(width + 1)) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", lines) + chunk(b"IEND", b"")


def with_cover(container: str, codec: str, picture: bytes) -> bytes:
    """A recording with an unchanged cover picture."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        cover = output.add_stream("png", 1, width=16_000, height=16_000, pix_fmt="gray")
        assert isinstance(cover, VideoStream)
        cover.disposition = Disposition.attached_pic
        samples._add_sound(output, codec, samples.frames(16000, 2.0, 2), 16000, 2)
        packet = av.Packet(picture)
        packet.stream, packet.pts, packet.dts = cover, 0, 0
        packet.is_keyframe = True
        output.mux(packet)
    return file.getvalue()


@pytest.mark.parametrize(("container", "codec"), [("mp3", "libmp3lame"), ("mp4", "aac")])
def test_a_picture_of_a_cover_is_not_unpacked(container: str, codec: str) -> None:
    picture = picture_of(16_000, 16_000)
    assert len(picture) < 300_000
    bomb = with_cover(container, codec, picture)
    assert picture in bomb
    found = process(Memory(bomb), DecoderLimits(seconds=60, memory_mib=250))
    assert found.duration_ms == pytest.approx(2000, abs=110)
    assert found.video is None
