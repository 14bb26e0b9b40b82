"""Where the sound of a wav is, even if its sizes are wrong: RIFF, RF64 (EBU Tech 3306) and Sony's Wave64.

Sizes are often wrong: a recorder was killed, or a size wrapped at 4 GiB. Sound may be in several `data`
chunks, and one wav may be appended to another. So this follows the chunks, and the sound ends where something
known begins, not where a size says so.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from earwitness.media.decoding.containers.headerless import is_beginning
from earwitness.media.decoding.containers.views import (
    Extent,
    Spliced,
    find,
    is_zero,
    read_at,
    size_of,
)
from earwitness.media.flow import File

_WRAPS_AT = 1 << 32
_LARGEST_FMT_BYTES = 4096
_MOST_CHUNKS = 100_000
_MOST_CHUNKS_AHEAD = 64
_MOST_RUNS = 1000
_LEAST_SECONDS = 0.05
"""Shorter sound is a rounding error of the recorder, or an unknown tag."""
_LOOKED_AT_BYTES = 512
# Sizes that writers leave if they cannot go back to fill them in: the sound goes on to the end of the file.
_OPEN_SIZES = (range(0x7FFF_0000, 0x8000_0001), range(0xFFFF_0000, 0x1_0000_0000), range(1 << 62, 1 << 64))
_KNOWN_CHUNKS = {
    *(b"fmt ", b"data", b"LIST", b"list", b"fact", b"bext", b"cue ", b"smpl", b"JUNK", b"junk", b"PAD "),
    *(b"FLLR", b"iXML", b"axml", b"_PMX", b"PEAK", b"DISP", b"inst", b"plst", b"id3 ", b"ID3 ", b"cart"),
    *(b"levl", b"umid", b"chna", b"ds64", b"acid", b"afsp", b"LGWV", b"minf", b"elm1", b"regn", b"slnt"),
}
_TAGS = (b"TAG", b"APETAGEX", b"ID3")
_W64_RIFF = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"
_NEXT_WAVE = re.compile(rb"(?:RIFF|RF64).{4}WAVE", re.DOTALL)
_NEXT_W64 = re.compile(re.escape(_W64_RIFF))
_W64_REST = b"\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"


@dataclass(slots=True)
class Run:
    """Stretches of sound of one format. `fmt` is the format chunk of the file."""

    fmt: bytes
    extents: list[Extent] = field(default_factory=list)

    @property
    def bytes_per_second(self) -> int:
        return int.from_bytes(self.fmt[8:12], "little")

    @property
    def block_size(self) -> int:
        return int.from_bytes(self.fmt[12:14], "little") or 1

    def add(self, start: int, stop: int) -> None:
        if self.extents:  # cut it to whole blocks, or the samples that follow would be shifted
            before, end = self.extents[-1]
            self.extents[-1] = before, end - (end - before) % self.block_size
        self.extents.append((start, stop))

    def as_file(self, file: File) -> Spliced:
        """The run as a wav with the right length."""
        size = sum(stop - start for start, stop in self.extents)
        chunk = struct.pack("<4sI", b"fmt ", len(self.fmt)) + self.fmt + bytes(len(self.fmt) % 2)
        riff_size = 4 + len(chunk) + 8 + size
        if riff_size < _WRAPS_AT:
            head = struct.pack("<4sI4s", b"RIFF", riff_size, b"WAVE")
            return Spliced(file, self.extents, head + chunk + struct.pack("<4sI", b"data", size))
        head = struct.pack("<4sI4s", b"RF64", 0xFFFF_FFFF, b"WAVE")
        head += struct.pack("<4sIQQQI", b"ds64", 28, riff_size + 36, size, 0, 0)
        return Spliced(file, self.extents, head + chunk + struct.pack("<4sI", b"data", 0xFFFF_FFFF))


@dataclass(frozen=True, slots=True)
class _Chunk:
    id: bytes
    start: int
    size: int
    after: int
    """Where the next chunk begins, by the size of this one."""


@dataclass(slots=True)
class WaveStructure:
    """The runs of sound of the wav at `start` and of those joined to it. `end` is where the last ends."""

    file: File
    start: int = 0
    runs: list[Run] = field(default_factory=list)
    missing_seconds: float = 0.0
    is_plain: bool = True
    """Whether a reader that trusts its sizes reads all of the sound."""
    end: int = 0
    unread_bytes: int = 0
    """How many bytes were not examined, because there are more pieces than any recorder writes."""
    _size: int = 0
    _fmt: bytes = b""
    _chunks: int = 0
    _data_chunks: int = 0
    _data_size: int | None = None
    """The size of `data` by `ds64`."""

    def __post_init__(self) -> None:
        self._size = size_of(self.file)
        at: int | None = self.start
        waves = 0
        while at is not None and (begins := _begins_wave(self.file, at)):
            waves += 1
            at = self._read(at, is_w64=begins == 40)
        self.end = self._size if at is None else at
        self.is_plain = self.is_plain and waves == 1 and self._data_chunks == 1

    def _read(self, start: int, *, is_w64: bool) -> int | None:
        """Read one wav. Returns where it ends, None for the end of the file."""
        self._fmt, self._data_size = b"", None
        at = start + (40 if is_w64 else 12)
        while self._chunks < _MOST_CHUNKS and len(self.runs) <= _MOST_RUNS:
            self._chunks += 1
            chunk = None if self._begins_another(at) else self._chunk(at, is_w64=is_w64)
            if chunk is None:
                return at if at < self._size else None
            if chunk.id == b"ds64":
                self._data_size = int.from_bytes(read_at(self.file, chunk.start + 8, 8), "little")
            elif chunk.id == b"fmt ":
                self._fmt = read_at(self.file, chunk.start, min(chunk.size, _LARGEST_FMT_BYTES))
            elif chunk.id == b"data" and len(self._fmt) >= 16:
                at = self._take_data(chunk, is_w64=is_w64)
                continue
            at = chunk.after
        self.unread_bytes = max(self._size - at, 0)
        return None

    def _take_data(self, chunk: _Chunk, *, is_w64: bool) -> int:
        stop, after = self._end_of(chunk, is_w64=is_w64)
        self._data_chunks += 1
        if not self.runs or self.runs[-1].fmt != self._fmt:
            self.runs.append(Run(self._fmt))
        run = self.runs[-1]
        if stop > chunk.start:
            run.add(chunk.start, stop)
        missing = chunk.start + chunk.size - stop
        if missing > 0 and not _is_open(chunk.size):
            seconds = missing / (run.bytes_per_second or 1)
            self.missing_seconds += seconds if seconds >= _LEAST_SECONDS else 0
        # FFmpeg reads bytes after the sound as chunks; zeros would be millions of empty ones.
        claimed = chunk.start + chunk.size
        self.is_plain = self.is_plain and stop == claimed and after in (claimed, chunk.after)
        return after

    def _end_of(self, chunk: _Chunk, *, is_w64: bool) -> Extent:
        """Where the sound of a chunk ends, and where the next chunk begins."""
        claimed = chunk.start + chunk.size
        if claimed == self._size or (claimed < self._size and self._goes_on(chunk.after, is_w64=is_w64)):
            return claimed, chunk.after
        if claimed < self._size and self._goes_on(claimed, is_w64=is_w64):
            return claimed, claimed  # the size is odd, and the byte of padding is missing
        if not is_w64:
            for wrapped in range(claimed + _WRAPS_AT, self._size + 1, _WRAPS_AT):
                if wrapped == self._size or self._goes_on(wrapped, is_w64=False):
                    return wrapped, wrapped
        pattern, length = (_NEXT_W64, 16) if is_w64 else (_NEXT_WAVE, 12)
        joined = find(self.file, pattern, length, chunk.start, self._size)
        end = self._size if joined is None else joined
        if claimed < end and not _is_open(chunk.size) and not self._is_sound(claimed, end):
            return claimed, end
        return end, end

    def _is_sound(self, start: int, end: int) -> bool:
        """Whether the bytes after the stated end are more sound."""
        per_second = int.from_bytes(self._fmt[8:12], "little")
        if end - start < _LEAST_SECONDS * per_second:
            return False
        beginning = read_at(self.file, start, _LOOKED_AT_BYTES)
        is_text = all(32 <= byte < 127 or byte in b"\t\r\n" for byte in beginning)
        return not (is_text or beginning.startswith(_TAGS) or is_zero(self.file, start, end))

    def _goes_on(self, at: int, *, is_w64: bool) -> bool:
        """Whether something known begins here: a chunk or another recording."""
        if at >= self._size or self._begins_another(at):
            return True
        for _ in range(_MOST_CHUNKS_AHEAD):
            chunk = self._chunk(at, is_w64=is_w64)
            if chunk is None:
                return False
            if chunk.id in _KNOWN_CHUNKS or chunk.after in (self._size, self._size + 1):
                return True
            at = chunk.after
        return False

    def _begins_another(self, at: int) -> bool:
        head = read_at(self.file, at, 16)
        return is_beginning(head) and head[:4] not in _KNOWN_CHUNKS

    def _chunk(self, at: int, *, is_w64: bool) -> _Chunk | None:
        head = read_at(self.file, at, 24 if is_w64 else 8)
        if len(head) < (24 if is_w64 else 8) or not all(32 <= byte < 127 for byte in head[:4]):
            return None
        if is_w64:
            size = int.from_bytes(head[16:24], "little") - 24
            if head[4:16] != _W64_REST or size < 0:
                return None
            return _Chunk(head[:4], at + 24, size, at + 24 + size + -size % 8)
        size = int.from_bytes(head[4:8], "little")
        if head[:4] == b"data" and size == 0xFFFF_FFFF and self._data_size:
            size = self._data_size
        if head[:4] == b"data" and size == 0 and not self._is_empty(at + 8):
            size = 0xFFFF_FFFF  # the recorder did not fill it in
        return _Chunk(head[:4], at + 8, size, at + 8 + size + size % 2)

    def _is_empty(self, at: int) -> bool:
        """Whether a chunk of size 0 that ends here is really empty, since something known follows."""
        return read_at(self.file, at, 4) in _KNOWN_CHUNKS or _begins_wave(self.file, at) > 0


def _begins_wave(file: File, at: int) -> int:
    """The length of the header of the wav that begins here; 0 if none begins."""
    head = read_at(file, at, 40)
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
        return 12
    return 40 if head[:16] == _W64_RIFF and head[24:28] == b"wave" else 0


def _is_open(size: int) -> bool:
    return any(size in sizes for sizes in _OPEN_SIZES)


def wave_files(structure: WaveStructure) -> Iterator[Spliced]:
    """Each run of sound as a wav."""
    return (run.as_file(structure.file) for run in structure.runs if run.extents)
