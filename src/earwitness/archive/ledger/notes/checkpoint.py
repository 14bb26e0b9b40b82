"""Checkpoints, as C2SP's tlog-checkpoint defines them: the text of the note that a log signs.

    <origin>
    <size of the tree>
    <root of the tree in base64>

Our own logs never write extension lines, which no reader could check.
"""

import re
from dataclasses import dataclass
from typing import Self

from earwitness.archive.ledger.notes import strict_base64
from earwitness.archive.ledger.notes.signed_note import NoteRefused

MOST_LEAVES = (1 << 63) - 1
ROOT_BYTES = 32

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The size and root of a log's tree. `extensions` are the lines that another log added."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        lines = (self.origin, *self.extensions)
        if not all(lines) or any("\n" in line for line in lines):
            raise NoteRefused("a line of a checkpoint is empty")
        if not 0 <= self.size <= MOST_LEAVES or len(self.root) != ROOT_BYTES:
            raise NoteRefused("a checkpoint has a size below 2^63 and a root of 32 bytes")

    @property
    def text(self) -> str:
        lines = (self.origin, str(self.size), strict_base64.encode(self.root), *self.extensions)
        return "".join(f"{line}\n" for line in lines)

    @classmethod
    def read(cls, text: str, *, with_extensions: bool = False) -> Self:
        """Read the text of a note. Raises NoteRefused."""
        lines = text.split("\n")
        if len(lines) < 4 or lines.pop():
            raise NoteRefused("a checkpoint has three lines: origin, size and root")
        if len(lines) > 3 and not with_extensions:
            raise NoteRefused("a checkpoint has more than three lines")
        try:
            root = strict_base64.decode(lines[2])
        except ValueError as error:
            raise NoteRefused(f"the root of a checkpoint is {error}") from None
        return cls(lines[0], read_size(lines[1]), root, tuple(lines[3:]))


def read_size(text: str) -> int:
    """Read the size of a tree: decimal digits without leading zeroes. Raises NoteRefused."""
    if not _SIZE.fullmatch(text) or int(text) > MOST_LEAVES:
        raise NoteRefused("the size of a tree is malformed")
    return int(text)
