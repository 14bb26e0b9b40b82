"""Trigrams: three characters in a row. A text that contains a part has all trigrams of the part.

SQLite finds those of the texts by itself; for PostgreSQL they are numbers, whose arrays it indexes.
"""

from collections.abc import Iterable, Iterator
from zlib import crc32

LENGTH = 3

_MOST = 20


def hashed(texts: Iterable[str | None]) -> list[int]:
    """All trigrams of texts, each once, as PostgreSQL's integers. Few different ones have the same number."""
    found = {text[at : at + LENGTH] for text in texts if text for at in range(len(text) - LENGTH + 1)}
    return sorted({number_of(one) for one in found})


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
