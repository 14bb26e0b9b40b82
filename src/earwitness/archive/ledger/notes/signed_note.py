"""Signed notes, as C2SP's signed-note defines them: a text, an empty line, and lines of signatures.

    example.com/log
    7
    <32 bytes in base64>

    — example.com/log <4 bytes of the key's id, and the signature, in base64>

Nothing is verified here: see `keys.py`.
"""

import re
from dataclasses import dataclass
from typing import Self

from earwitness.archive.ledger.notes import strict_base64

MOST_BYTES = 256 << 10
"""The largest note that is read: 16 of the longest known signatures take a third of it."""

MOST_SIGNATURES = 64
"""The format asks for at least 16. Each may have to be verified, so there is a limit."""

KEY_ID_BYTES = 4

_LINE_BEGINS = "\u2014 "
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


class NoteRefused(ValueError):
    """The text is no signed note, or not one that its signatures vouch for. Its message says why."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One line of a note: who signed, with which key, and the bytes of the signature."""

    name: str
    key_id: bytes
    signature: bytes

    @property
    def line(self) -> str:
        return f"{_LINE_BEGINS}{self.name} {strict_base64.encode(self.key_id + self.signature)}\n"

    @classmethod
    def read(cls, line: str) -> Self:
        """Read a line without its newline. Raises NoteRefused."""
        name, _, encoded = line.removeprefix(_LINE_BEGINS).partition(" ")
        if not line.startswith(_LINE_BEGINS) or not is_key_name(name):
            raise NoteRefused("a line of a signature is malformed")
        try:
            value = strict_base64.decode(encoded)
        except ValueError as error:
            raise NoteRefused(f"a signature is {error}") from None
        if len(value) <= KEY_ID_BYTES:
            raise NoteRefused("a signature is too short")
        return cls(name, value[:KEY_ID_BYTES], value[KEY_ID_BYTES:])


@dataclass(frozen=True, slots=True)
class SignedNote:
    """A text, which ends with a newline, and its signatures."""

    text: str
    signatures: tuple[Signature, ...]

    def __post_init__(self) -> None:
        if not self.text.endswith("\n") or _CONTROL.search(self.text):
            raise NoteRefused("a text that ends without a newline, or has control characters")

    def encode(self) -> bytes:
        return (self.text + "\n" + "".join(one.line for one in self.signatures)).encode()

    def signed_also_by(self, *more: Signature) -> Self:
        """The note with more signatures. One that it has already is not added again."""
        return type(self)(self.text, tuple(dict.fromkeys((*self.signatures, *more))))

    @classmethod
    def read(cls, content: bytes) -> Self:
        """Read a note. Raises NoteRefused."""
        if len(content) > MOST_BYTES:
            raise NoteRefused("the note is too large")
        try:
            note = content.decode()
        except UnicodeDecodeError:
            raise NoteRefused("the note is not UTF-8") from None
        head, empty_line, lines = note.rpartition("\n\n")
        if not empty_line or not lines:
            raise NoteRefused("the note has no signature")
        return cls(head + "\n", read_signatures(lines))


def read_signatures(lines: str) -> tuple[Signature, ...]:
    """Read lines of signatures, each with its newline. Raises NoteRefused."""
    if not lines.endswith("\n") or _CONTROL.search(lines):
        raise NoteRefused("lines of signatures that end without a newline, or have control characters")
    # Not `splitlines`, which also splits at characters that are no newlines here.
    each = lines[:-1].split("\n")
    if len(each) > MOST_SIGNATURES:
        raise NoteRefused("the note has too many signatures")
    return tuple(Signature.read(line) for line in each)


def is_key_name(name: str) -> bool:
    """Whether a text can name a key: not empty, without spaces (of any kind), plus and control characters."""
    return bool(name) and "+" not in name and not any(one.isspace() or ord(one) < 0x20 for one in name)
