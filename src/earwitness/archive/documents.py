"""What the text index is given of a recording: its document, as text of tokens."""

from collections.abc import Iterable
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

    @classmethod
    def together(cls, parts: Iterable[Self]) -> Self:
        """The words of fields that were read apart, as if they had been read at once."""
        read = [(part.tokens, part.pairs) for part in parts]
        return cls(*(_APART.join(filter(None, texts)) for texts in zip(*read, strict=True)))

    @property
    def document(self) -> str:
        return f"{self.tokens} {self.pairs}".strip(" ")


_APART = f" {SEPARATOR} "


def participant(*names: str | None) -> str:
    """The one field of a participant: every name there is, none twice. A comma ends a phone number."""
    return ", ".join(dict.fromkeys(filter(None, names)))
