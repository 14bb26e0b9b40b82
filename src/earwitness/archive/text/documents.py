"""What the text index is given of a recording: its document, as text of tokens."""

from collections.abc import Iterable
from typing import Self

import msgspec

from earwitness.archive.spelling.tokens import NEWEST, SEPARATOR, Reading, document_tokens
from earwitness.archive.text.common_words import pairs_of


class Words(msgspec.Struct, frozen=True):
    """Some fields of a recording as the index has them: their tokens, and after all tokens their pairs."""

    tokens: str = ""
    pairs: str = ""

    @classmethod
    def of(cls, *fields: str, reading: Reading = NEWEST) -> Self:
        """Read fields; no phrase reaches from one into the next."""
        read = document_tokens(fields, reading)
        return cls(" ".join(read), " ".join(pairs_of(read)))

    @classmethod
    def together(cls, parts: Iterable[Self]) -> Self:
        """The words of fields that were read apart, as if they had been read at once."""
        read = [(part.tokens, part.pairs) for part in parts]
        return cls(*(_APART.join(filter(None, texts)) for texts in zip(*read, strict=True)))

    @property
    def whole(self) -> str:
        return f"{self.tokens} {self.pairs}".strip(" ")


class Document(msgspec.Struct, frozen=True):
    """All words of a recording: what was said apart from the rest, as not everybody may search it.

    A long transcript is read while nobody waits, and what else belongs to a recording is added.
    """

    said: Words
    rest: Words

    @classmethod
    def of(cls, said: str, *rest: str) -> Self:
        """Read the fields of a recording, of which the first is what was said."""
        return cls(Words.of(said), Words.of(*rest))

    def and_also(self, others: Iterable[Words]) -> "Document":
        """The same with more fields, of which nothing was said."""
        return Document(self.said, Words.together([self.rest, *others]))


_APART = f" {SEPARATOR} "


def participant(*names: str | None) -> str:
    """The one field of a participant: every name there is, none twice. A comma ends a phone number."""
    return ", ".join(dict.fromkeys(filter(None, names)))
