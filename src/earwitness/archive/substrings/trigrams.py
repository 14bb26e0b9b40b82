"""Trigrams: three characters in a row. A text that contains a part has all trigrams of the part.

SQLite finds those of the texts by itself; for PostgreSQL they are numbers, whose arrays it indexes.
"""

from collections.abc import Iterable, Iterator
from zlib import crc32

LENGTH = 3

_MOST = 20


def trigrams_of(texts: Iterable[str]) -> set[str]:
    """All trigrams of texts. None reaches from one text into the next."""
    return {text[at : at + LENGTH] for text in texts for at in range(len(text) - LENGTH + 1)}


def hashed(texts: Iterable[str]) -> list[int]:
    """The same as PostgreSQL's integers, each once. Few different trigrams have the same number."""
    return sorted(set(map(number_of, trigrams_of(texts))))


def number_of(trigram: str) -> int:
    return crc32(trigram.encode()) - 2**31


def covering(part: str) -> list[str]:
    """Trigrams that cover a part; of a long part, its beginning. None if it is shorter than one.

    Not all that it has: what is found is compared with the whole part anyway.
    """
    return list(dict.fromkeys(_covering(part)))


def _covering(part: str) -> Iterator[str]:
    covered = part[: LENGTH * _MOST]
    for at in range(0, len(covered) - LENGTH + 1, LENGTH):
        yield covered[at : at + LENGTH]
    if len(covered) >= LENGTH:
        yield covered[-LENGTH:]
