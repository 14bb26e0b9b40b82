"""Checks that SQLite's full-text index has the words of its texts, at their places, and no others.

FTS5's own check is a write, and would hold up all other writers. This one reads: like that check, it compares
the sums of both sides over (word, recording, field, place).
"""

from collections.abc import Iterator
from zlib import crc32

from sqlalchemy import Engine

from earwitness.archive.database.transactions import reading
from earwitness.archive.integrity.findings import Broken, Damage, Finding, noticing

_MODULUS = 1_000_003
_OF_DOCUMENT, _OF_PLACE, _OF_FIELD = 1_000_033, 7_919, 104_729
_WITHIN = (1 << 64) - 1

_VOCABULARY = "CREATE VIRTUAL TABLE temp.words_checked USING fts5vocab(main, recording_text, instance)"
_INDEXED = f"""
    SELECT term, count(*), sum(doc % {_MODULUS}), sum("offset"), sum(col = 'rest')
    FROM temp.words_checked GROUP BY term"""  # noqa: S608 - a number of ours
_TEXTS = "SELECT id, c0, c1 FROM recording_text_content"


def check_words(engine: Engine) -> Iterator[Finding]:
    """Compare the index with its texts. Only one row of each is in memory."""
    try:
        with noticing(), reading(engine) as connection:
            cursor = connection.connection.cursor()
            cursor.execute("DROP TABLE IF EXISTS temp.words_checked")
            cursor.execute(_VOCABULARY)
            try:
                is_same = _sum_indexed(cursor.execute(_INDEXED)) == _sum_texts(cursor.execute(_TEXTS))
            finally:
                cursor.execute("DROP TABLE IF EXISTS temp.words_checked")
                cursor.close()
    except Broken as broken:
        yield Damage("recording_text", f"The text index cannot be read: {broken}.")
        return
    if not is_same:
        yield Damage("recording_text", "The text index does not have the words of its texts.")


def _sum_indexed(rows: Iterator[tuple[str, int, int, int, int]]) -> int:
    total = 0
    for term, count, documents, places, fields in rows:
        weight = count + _OF_DOCUMENT * documents + _OF_PLACE * places + _OF_FIELD * fields
        total += crc32(term.encode()) * weight
    return total & _WITHIN


def _sum_texts(rows: Iterator[tuple[int, str, str]]) -> int:
    total = 0
    for position, said, rest in rows:
        begin = 1 + _OF_DOCUMENT * (position % _MODULUS)
        for text, field in ((said, 0), (rest, _OF_FIELD)):
            if text:
                words = enumerate(text.split(" "))
                total += sum(crc32(word.encode()) * (begin + field + _OF_PLACE * at) for at, word in words)
    return total & _WITHIN
