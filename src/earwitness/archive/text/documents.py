"""The document of a recording in the text index: all its words, as tokens."""

from collections.abc import Iterable
from typing import Self

import msgspec

from earwitness.archive.spelling.tokens import NEWEST, SEPARATOR, Reading, document_tokens
from earwitness.archive.text.common_words import pairs_of


class FieldTokens(msgspec.Struct, frozen=True):
    """Some fields of a recording as the index has them: their tokens, and the pairs of common words."""

    tokens: str = ""
    pairs: str = ""

    @classmethod
    def of(cls, *fields: str, reading: Reading = NEWEST) -> Self:
        """Read fields. No phrase reaches from one field into the next."""
        read = document_tokens(fields, reading)
        return cls(" ".join(read), " ".join(pairs_of(read)))

    @classmethod
    def together(cls, parts: Iterable[Self]) -> Self:
        """Join fields that were read one by one, with the same result as reading them together."""
        read = [(part.tokens, part.pairs) for part in parts]
        return cls(*(_APART.join(filter(None, texts)) for texts in zip(*read, strict=True)))

    @property
    def whole(self) -> str:
        return f"{self.tokens} {self.pairs}".strip(" ")


class Document(msgspec.Struct, frozen=True):
    """All words of a recording. What was said is apart from the rest, since it needs a right of its own.

    A long transcript is read before the account is locked; the other fields are added later.
    """

    said: FieldTokens
    rest: FieldTokens

    @classmethod
    def of(cls, said: str, *rest: str) -> Self:
        """Read the fields of a recording. The first is what was said."""
        return cls(FieldTokens.of(said), FieldTokens.of(*rest))

    def and_also(self, others: Iterable[FieldTokens]) -> "Document":
        """The same with more fields that are not part of what was said."""
        return Document(self.said, FieldTokens.together([self.rest, *others]))


_APART = f" {SEPARATOR} "


def participant(*names: str | None) -> str:
    """The field of a participant: all its names, each once. The comma ends a phone number."""
    return ", ".join(dict.fromkeys(filter(None, names)))
