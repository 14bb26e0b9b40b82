"""The structure of a file, before anything is decoded: one recording or several, whole or cut off.

FFmpeg reads a file up to the end that its first header states, and does not report what follows. This
separates the recordings that are joined in one file, and says in words what a header promises and the file
lacks.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from earwitness.media.decoding.containers.headerless import is_beginning
from earwitness.media.decoding.containers.losses import missing
from earwitness.media.decoding.containers.views import Spliced, find, is_zero, read_at, size_of
from earwitness.media.decoding.containers.wave_structure import WaveStructure, wave_files
from earwitness.media.flow import File

_MOST_PARTS = 1000
_MOST_BOXES = 100_000
_IGNORED_BEHIND_BYTES = 64 * 1024
_MOST_HELD_BYTES = 64 * 1024
_FTYP_AT = 4
# The first bytes of a recording of each kind, and their length. They are long enough not to occur by chance.
# The whole pattern is searched in one pass, since a hostile file may contain a part of it a million times.
_BEGINS_AGAIN = [
    (re.compile(begins, re.DOTALL), length)
    for begins, length in (
        (rb"fLaC\0\0\0\x22", 8),
        (rb"#!AMR(?:-WB)?\n", 6),
        (rb"TTA1\x01\0", 6),
        (rb"Creative Voice File\x1a", 20),
        (rb"FORM.{4}AIF", 11),
        (rb"\.snd\0\0\0", 7),
        (rb"caff\0\x01\0\0", 8),
        (rb"ftyp", 4),
    )
]
# FFmpeg reads files of these kinds beyond the end that their header states.
_READ_ON = (b".snd", b"RIFF")


@dataclass(slots=True)
class Whole:
    """The recordings in a file, in their order, and in words what is missing of them.

    There is at least one. It is the file itself if nothing had to be corrected.
    """

    parts: list[File]
    notes: list[str] = field(default_factory=list)
    cut: str = ""
    """The note for a file that ends too early, if it is known only how many bytes are missing."""


def survey(file: File) -> Whole:
    """Find the recordings in a file. Only headers are read, unless they do not say enough."""
    size, at = size_of(file), 0
    whole = Whole([])
    while at < size and len(whole.parts) < _MOST_PARTS:
        if at and not _begins_recording(file, at, size):
            if size - at > _IGNORED_BEHIND_BYTES and not _is_tag_or_nothing(file, at, size):
                whole.notes.append(
                    f"{_in_words(size - at)} after the end of the recording were not understood"
                )
            break
        after = _part(file, at, size, whole)
        if after <= at:
            break
        at = after
    else:
        if at < size:
            whole.notes.append(
                f"{_in_words(size - at)} after the first {_MOST_PARTS} recordings, not decoded"
            )
    file.seek(0)
    return whole if whole.parts else Whole([file], whole.notes)


def _is_tag_or_nothing(file: File, at: int, size: int) -> bool:
    return read_at(file, at, 3) == b"ID3" or is_zero(file, at, size)


def _begins_recording(file: File, at: int, size: int) -> bool:
    """Whether a recording begins here, and not only an ID3v2 tag at the end of the one before."""
    head = read_at(file, at, 16)
    if head[:3] != b"ID3" or len(head) < 10:
        return is_beginning(head)
    length = sum((octet & 127) << 7 * (3 - place) for place, octet in enumerate(head[6:10]))
    return at + 10 + length < size


def _part(file: File, start: int, size: int, whole: Whole) -> int:
    """Add the recording that begins here. Returns where it ends."""
    wave = WaveStructure(file, start)
    if wave.runs:
        if wave.missing_seconds:
            whole.notes.append(missing(wave.missing_seconds))
        if wave.unread_bytes:
            whole.notes.append(f"{_in_words(wave.unread_bytes)} after too many pieces of sound, not decoded")
        plain = wave.is_plain and (start, wave.end) == (0, size)
        whole.parts += [file] if plain else wave_files(wave)
        return wave.end
    head = read_at(file, start, 20)
    ends = next((ends for name, ends in _ENDS.items() if name in (head[:4], head[4:8])), None)
    stop = ends(file, start, size) if ends else size
    if not ends or stop > size or (stop < size and not is_beginning(read_at(file, stop, 16))):
        joint = _joint(file, head, start, size)
        if joint is not None:
            stop = joint
        elif head[:4] in _READ_ON:
            stop = max(stop, size)
    if stop > size:
        whole.cut = f"the file is cut off: its header promises {_in_words(stop - size)} more"
        stop = size
    is_whole = (start, stop) == (0, size)
    part = _closed_caf(file, start, stop) if head[:4] == b"caff" else None
    whole.parts.append(part or (file if is_whole else Spliced(file, [(start, stop)])))
    return stop


def _joint(file: File, head: bytes, start: int, size: int) -> int | None:
    """Where another recording of the same kind begins, if there is one."""
    for begins, length in _BEGINS_AGAIN:
        before = _FTYP_AT if begins.pattern == b"ftyp" else 0
        if begins.match(head, before):
            found = find(file, begins, length, start + 16, size)
            return None if found is None else found - before
    return None


def _form(file: File, start: int, size: int) -> int:
    """The end of an AIFF."""
    stated = int.from_bytes(read_at(file, start + 4, 4), "big")
    return size if stated in (0, 0xFFFF_FFFF) else start + 8 + stated + stated % 2


def _avi(file: File, start: int, size: int) -> int:
    """The end of an AVI. Beyond a GiB it has further RIFF chunks after the first."""
    at = start
    for _ in range(_MOST_BOXES):
        head = read_at(file, at, 12)
        if at >= size or head[:4] != b"RIFF" or (at > start and head[8:] != b"AVIX"):
            return at
        stated = int.from_bytes(head[4:8], "little")
        if stated in (0, 0xFFFF_FFFF):
            return size
        at += 8 + stated + stated % 2
    return size


def _au(file: File, start: int, size: int) -> int:
    header, data = (int.from_bytes(read_at(file, start + at, 4), "big") for at in (4, 8))
    return size if data in (0, 0xFFFF_FFFF) else start + header + data


def _caf(file: File, start: int, size: int) -> int:
    for at, name, stated in _boxes(file, start + 8, size, name_first=True):
        if name == b"data" and stated == 0xFFFF_FFFF_FFFF_FFFF:
            return size
        end = at + 12 + stated
        if end > size or is_beginning(read_at(file, end, 16)):
            return end
    return size


def _closed_caf(file: File, start: int, stop: int) -> File | None:
    """A CAF without a length, with its length filled in: FFmpeg takes the end of its sound for damage."""
    for at, name, stated in _boxes(file, start + 8, stop, name_first=True):
        if at - start > _MOST_HELD_BYTES:
            break
        if name == b"data" and stated == 0xFFFF_FFFF_FFFF_FFFF:
            beginning = read_at(file, start, at + 4 - start) + (stop - at - 12).to_bytes(8, "big")
            return Spliced(file, [(at + 12, stop)], beginning)
    return None


def _mp4(file: File, start: int, size: int) -> int:
    seen: set[bytes] = set()
    for at, name, stated in _boxes(file, start, size, name_first=False):
        if name == b"ftyp" and b"mdat" in seen and b"moov" in seen:
            return at
        seen.add(name)
        if stated == 0:
            return size
        if at + stated > size:
            return at + stated
    return size


def _matroska(file: File, start: int, size: int) -> int:
    """The end of a Matroska by the size of its segment, if it is stated. FFmpeg reads joined ones."""
    head = read_at(file, start, 4096)
    first = _vint(head, 4)
    if first is None:
        return size
    at = first[1] + first[0]
    if head[at : at + 4] != b"\x18\x53\x80\x67" or (segment := _vint(head, at + 4)) is None:
        return size
    length, begins = segment
    end = start + begins + length
    return end if end > size and not _is_unknown(length) else size


def _vint(data: bytes, at: int) -> tuple[int, int] | None:
    """A variable-size integer of EBML (RFC 8794), and where it ends."""
    if at >= len(data) or not data[at]:
        return None
    length = 9 - data[at].bit_length()
    if at + length > len(data):
        return None
    return int.from_bytes(data[at : at + length], "big") & ((1 << 7 * length) - 1), at + length


def _is_unknown(length: int) -> bool:
    return any(length == (1 << 7 * octets) - 1 for octets in range(1, 9))


def _ogg(file: File, start: int, size: int) -> int:
    """The end of an Ogg by its last page. FFmpeg reads joined ones."""
    tail_start = max(start, size - _LONGEST_PAGE)
    tail = read_at(file, tail_start, size - tail_start)
    at = tail.rfind(b"OggS")
    if at < 0:
        return size
    segments = tail[at + 26 : at + 27]
    table = tail[at + 27 : at + 27 + segments[0]] if segments else b""
    if not segments or len(table) < segments[0]:
        return size + 1  # a page header that is cut off
    end = tail_start + at + 27 + len(table) + sum(table)
    return max(size, end)


_LONGEST_PAGE = 27 + 255 + 255 * 255


def _boxes(file: File, start: int, size: int, *, name_first: bool) -> Iterator[tuple[int, bytes, int]]:
    """The offset, name and size of each chunk of a CAF (`name_first`), or of each box of an mp4."""
    at = start
    for _ in range(_MOST_BOXES):
        head = read_at(file, at, 16)
        if len(head) < 8:
            return
        if name_first:
            name, stated = head[:4], int.from_bytes(head[4:12], "big")
            step = 12 + stated
        else:
            name, stated = head[4:8], int.from_bytes(head[:4], "big")
            if stated == 1:
                stated = int.from_bytes(head[8:16], "big")
            step = stated
        yield at, name, stated
        at += step
        if step < 8 or at >= size:
            return


_ENDS: dict[bytes, Callable[[File, int, int], int]] = {
    b"FORM": _form,
    b"RIFF": _avi,
    b".snd": _au,
    b"caff": _caf,
    b"ftyp": _mp4,
    b"\x1aE\xdf\xa3": _matroska,
    b"OggS": _ogg,
}


def _in_words(size: int) -> str:
    return f"{size} bytes" if size < 1 << 20 else f"{size / (1 << 20):.1f} MiB"
