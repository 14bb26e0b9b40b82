"""What the text index is given of a recording: its document, as text of tokens."""

from typing import Self

import msgspec

from earwitness.archive.common_words import pairs_of
from earwitness.archive.text import SEPARATOR, document_tokens


class Words(msgspec.Struct, frozen=True):
    """Some fields of a recording as the index has them: their tokens, and after all tokens their pairs.

    Those of a long transcript are read while nobody waits, and what else belongs to a recording is added.
    """

    tokens: str = ""
    pairs: str = ""

    @classmethod
    def of(cls, *fields: str) -> Self:
        """Read fields; no phrase reaches from one into the next."""
        read = document_tokens(fields)
        return cls(" ".join(read), " ".join(pairs_of(read)))

    def __add__(self, other: "Words") -> "Words":
        return Words(_apart(self.tokens, other.tokens), _apart(self.pairs, other.pairs))

    @property
    def document(self) -> str:
        return f"{self.tokens} {self.pairs}".strip(" ")


def _apart(first: str, second: str) -> str:
    return f"{first} {SEPARATOR} {second}" if first and second else first or second
