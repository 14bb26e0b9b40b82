"""Receipts: a line for each recording that was acknowledged, in files apart from the database.

    accounts/<clientId>/receipts/current    new lines, added before the answer is sent
    accounts/<clientId>/receipts/older      the file before `current`, which had become too long
    accounts/<clientId>/receipts/compared   how far they were compared with the database
    accounts/<clientId>/receipts/missing    what the database lacks: see `alarm.py`
    accounts/<clientId>/receipts/accepted   what it lacks, and an operator accepted as lost

A database that comes back without its last commits looks complete: SQLite ends its recovery at the first
damaged page of the write-ahead log, and a replica that takes over may lag behind. The receipts show what it
lacks. They hold ids and times, nothing of what was said, and an error in them stops nothing else.
"""

import fcntl
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from earwitness.kernel.settings import Settings
from earwitness.media.stores.durable import make_folder, sync_folder, write_file

Part = Literal["recording", "media", "transcript"]

_LONGEST_BYTES = 4 << 20
_LAST_LINES_BYTES = 8 << 10


class Receipt(msgspec.Struct, frozen=True, rename="camel"):
    """What was acknowledged, and when (ms): a recording, or media or a transcript that came later."""

    interaction_id: int
    third_party_id: str
    part: Part
    acknowledged_at: int


class Read(msgspec.Struct):
    """What was read from the files: receipts, and how many lines were damaged."""

    receipts: list[Receipt]
    damaged: int


class Mark(msgspec.Struct, frozen=True):
    """How far the receipts were compared: the inode of a file, and how much of it."""

    inode: int = 0
    size_bytes: int = 0
    timeline: int = 0
    """The number of the database: it changes when a replica takes over, or the file is replaced."""


@dataclass(frozen=True, slots=True)
class _End:
    """How far a file was read (its inode and size), and the highest interactionId in it."""

    inode: int = 0
    size_bytes: int = 0
    newest: int = 0


def receipts_of(settings: Settings, client_id: int) -> "Receipts":
    return Receipts(settings.data / "accounts" / str(client_id) / "receipts")


_decode = msgspec.json.Decoder(Receipt).decode
_decode_mark = msgspec.json.Decoder(Mark).decode


class Receipts:
    """The receipts of one account on this machine, which all its processes write."""

    def __init__(self, folder: Path, longest_bytes: int = _LONGEST_BYTES) -> None:
        self.folder = folder
        self._current, self._older = folder / "current", folder / "older"
        self._mark = folder / "compared"
        self._longest_bytes = longest_bytes
        self._end = _End()
        self.is_ahead = False
        """Whether the database was found to lack recordings, and has to be compared."""

    def add(self, receipts: Sequence[Receipt]) -> bool:
        """Add receipts durably. Returns whether the file has reached its full size. Raises OSError."""
        # A newline first: a crash may have torn the line before.
        lines = b"\n" + b"".join(map(_line, receipts))
        make_folder(self.folder)
        with self.locked(fcntl.LOCK_SH) as fd:
            is_new = not os.fstat(fd).st_size
            while lines:  # in one write, unless the disk is full: lines of others do not come in between
                lines = lines[os.write(fd, lines) :]
            os.fdatasync(fd)
            if is_new:
                sync_folder(self.folder)
            return os.fstat(fd).st_size >= self._longest_bytes

    def newest(self) -> int:
        """The highest interactionId that was acknowledged lately; 0 if none is known.

        Each ingest asks for it, so the end of the file is not read twice.
        """
        self._end = end = _look_at_end(self._current, self._end)
        return end.newest or _look_at_end(self._older, _End()).newest

    def read(self, *, whole: bool = False) -> tuple[Read, Mark]:
        """The receipts since the mark, or all; and the mark to set when they are compared."""
        read, mark = Read([], 0), Mark() if whole else self.mark()
        if not self._current.exists() and not self._older.exists():
            return read, mark
        with self.locked(fcntl.LOCK_EX):  # nobody is in the middle of a line
            inode, size_bytes = _read_into(read, self._current, mark)
            if inode != mark.inode:
                _read_into(read, self._older, mark)
        read.receipts.sort(key=lambda receipt: receipt.interaction_id)
        return read, Mark(inode, size_bytes)

    def is_compared(self, timeline: int = 0) -> bool:
        """Whether all receipts were compared with the database of this number."""
        try:
            now, mark = self._current.stat(), self.mark()
        except FileNotFoundError:
            return not self._older.exists()
        return Mark(now.st_ino, now.st_size, timeline) == mark

    def mark(self) -> Mark:
        try:
            return _decode_mark(self._mark.read_bytes())
        except (OSError, msgspec.DecodeError):
            return Mark()

    def set_mark(self, mark: Mark) -> None:
        """Note that everything before the mark is in the database, and not only in its write-ahead log."""
        with self.locked(fcntl.LOCK_EX):
            write_file(self._mark, msgspec.json.encode(mark))

    def turn_over(self, is_on_disk: Callable[[], bool]) -> None:
        """Begin a new file if this one is full, and the database itself holds what the older file lists."""
        with self.locked(fcntl.LOCK_EX) as fd:
            if os.fstat(fd).st_size < self._longest_bytes or (self._older.exists() and not is_on_disk()):
                return
            if self._older.exists() and self._older.stat().st_ino == self.mark().inode:
                self._mark.unlink()  # the next file may get the inode of the one that is deleted
            self._current.replace(self._older)
            sync_folder(self.folder)

    @contextmanager
    def locked(self, how: int) -> Iterator[int]:
        """Give the descriptor of the current file, locked: shared to add lines, or exclusively."""
        while True:
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            fd = os.open(self._current, flags, 0o600)
            try:
                fcntl.flock(fd, how)
                if self._is_current(fd):  # else another process began a new file before the lock
                    yield fd
                    return
            finally:
                os.close(fd)

    def _is_current(self, fd: int) -> bool:
        try:
            return os.path.samestat(self._current.stat(), os.fstat(fd))
        except FileNotFoundError:
            return False


def _line(receipt: Receipt) -> bytes:
    written = msgspec.json.encode(receipt)
    return b"%08x %s\n" % (zlib.crc32(written), written)


def _receipt(line: bytes) -> Receipt | None:
    """The receipt of a line; None if the line is torn or damaged."""
    checksum, _, written = line.partition(b" ")
    try:
        return _decode(written) if checksum == b"%08x" % zlib.crc32(written) else None
    except msgspec.DecodeError:
        return None


def _read_into(read: Read, path: Path, mark: Mark) -> tuple[int, int]:
    """Read the receipts of a file, from the mark on if it is in this file. Returns its inode and size."""
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            inode = found.st_ino
            is_marked = inode == mark.inode and found.st_size >= mark.size_bytes  # else it was cut off
            begin = file.seek(mark.size_bytes if is_marked else 0)
            content = file.read()
    except FileNotFoundError:
        return 0, 0
    for line in filter(None, content.split(b"\n")):
        if receipt := _receipt(line):
            read.receipts.append(receipt)
        else:
            read.damaged += 1
    return inode, begin + len(content)


def _look_at_end(path: Path, before: _End) -> _End:
    """Read the last lines of a file that were not read before. A line that begins earlier is left out."""
    try:
        with path.open("rb", buffering=0) as file:
            found = os.fstat(file.fileno())
            is_same = found.st_ino == before.inode and found.st_size >= before.size_bytes
            begin = max(found.st_size - _LAST_LINES_BYTES, before.size_bytes if is_same else 0)
            last = os.pread(file.fileno(), found.st_size - begin, begin)
    except OSError:
        return _End()
    ids = [receipt.interaction_id for line in last.split(b"\n") if line and (receipt := _receipt(line))]
    whole_lines = last.rfind(b"\n") + 1
    return _End(found.st_ino, begin + whole_lines, max([before.newest if is_same else 0, *ids]))
