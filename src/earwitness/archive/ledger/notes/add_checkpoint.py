"""What a log asks a witness for (C2SP's tlog-witness): the body of `add-checkpoint`.

old <size>
<hash of the consistency proof in base64>   up to 63 of these lines

<the signed note of a checkpoint>
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from earwitness.archive.ledger.notes import signed_note, strict_base64
from earwitness.archive.ledger.notes.checkpoint import Checkpoint, read_size
from earwitness.archive.ledger.notes.signed_note import NoteRefused, SignedNote
from earwitness.archive.ledger.tree.hashing import HASH_BYTES

PATH = "/add-checkpoint"

SIZE_TYPE = "text/x.tlog.size"
"""The content type of a size, with which a witness answers 409."""

MOST_HASHES = 63
MOST_BYTES = signed_note.MOST_BYTES + (4 << 10)
"""The largest body that is read: 63 hashes take 2.8 KiB."""

_OLD = "old "


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A checkpoint, and the proof that the tree of `old_size` is its beginning."""

    old_size: int
    proof: Sequence[bytes]
    note: SignedNote

    def encode(self) -> bytes:
        lines = (f"{_OLD}{self.old_size}", *map(strict_base64.encode, self.proof), "", "")
        return "\n".join(lines).encode() + self.note.encode()

    def checkpoint(self) -> Checkpoint:
        """Raises NoteRefused."""
        return Checkpoint.read(self.note.text, with_extensions=True)

    @classmethod
    def read(cls, body: bytes) -> Self:
        """Read a request, without verifying anything. Raises NoteRefused."""
        head, empty_line, note = body.partition(b"\n\n")
        first, *hashes = head.decode("ascii", "replace").split("\n")
        if not empty_line or not first.startswith(_OLD):
            raise NoteRefused("a request is `old` and a size, the proof, an empty line and a note")
        if len(hashes) > MOST_HASHES:
            raise NoteRefused(f"the proof has more than {MOST_HASHES} hashes")
        return cls(read_size(first.removeprefix(_OLD)), tuple(map(_hash, hashes)), SignedNote.read(note))


def _hash(line: str) -> bytes:
    try:
        value = strict_base64.decode(line)
    except ValueError:
        value = b""
    if len(value) != HASH_BYTES:
        raise NoteRefused(f"a line of the proof is not the base64 of {HASH_BYTES} bytes")
    return value
