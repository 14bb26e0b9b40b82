"""Checks that the folded texts of people, endpoints and users are theirs, and that the index has them.

A page of rows at a time, each in one snapshot, while the archive is in use.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Table, select

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.integrity.findings import Broken, Damage, Finding, NotChecked, noticing
from earwitness.archive.people.owned_endpoints import are_texts_of_endpoints_folded
from earwitness.archive.schema.folded import FOLDED, SEARCHED, TRIGRAMS_ARRAYS
from earwitness.archive.schema.people import endpoints, people, users
from earwitness.archive.substrings.progress import are_folded
from earwitness.archive.substrings.trigrams import hashed, number_of, trigrams_of
from earwitness.archive.substrings.writing import texts_of

_PAGE = 500
_MODULUS = 1_000_003
_WITHIN = (1 << 64) - 1
_SOURCES: Mapping[str, Table] = {"people": people, "endpoints": endpoints, "users": users}

_number_of = lru_cache(maxsize=100_000)(number_of)


def check_folded_texts(archive: Archive) -> Iterator[Finding]:
    """Compare stored texts with those that their rows make, and the index with the stored texts."""
    for kind in FOLDED:
        try:
            with noticing():
                yield from _check(archive, kind)
        except Broken as broken:
            yield Damage(f"folded_{kind}", f"It cannot be read: {broken}.")


def _check(archive: Archive, kind: str) -> Iterator[Finding]:
    with archive.read() as connection:
        if not _are_ready(connection, kind):
            yield _not_checked(kind)
            return
    texts, index, after = 0, 0, 0
    while True:
        with archive.read() as connection:
            if not _are_ready(connection, kind):  # a person with very many endpoints was renamed meanwhile
                yield _not_checked(kind)
                return
            source = _SOURCES[kind].c.id
            onward = select(source).where(source > after).order_by(source).limit(_PAGE)
            ids = connection.scalars(onward).all()
            if not ids:
                break
            expected = {row["id"]: dict(row) for row in texts_of(connection, kind, ids)}
            texts += _differing(expected, _stored(connection, FOLDED[kind], after, ids[-1]))
            if connection.dialect.name == "postgresql":
                arrays = _stored(connection, TRIGRAMS_ARRAYS[kind], after, ids[-1])
                index += _differing({one: _array(kind, row) for one, row in expected.items()}, arrays)
        after = ids[-1]
    if texts:
        yield Damage(f"folded_{kind}", f"{texts} of its texts are not those of their {kind}.")
    with archive.read() as connection:
        if connection.dialect.name == "sqlite" and _sum_indexed(connection, kind) != _sum_texts(
            connection, kind
        ):
            index = 1
    if index:
        yield Damage(f"{kind}_trigrams", f"It does not have the trigrams of the texts in folded_{kind}.")


def _are_ready(connection: Connection, kind: str) -> bool:
    """Whether the texts of a kind are those of their rows, in this snapshot."""
    if kind == "endpoints":
        return are_texts_of_endpoints_folded(connection)
    return are_folded(connection, kind)


def _not_checked(kind: str) -> NotChecked:
    return NotChecked(f"The folded texts of {kind} were not checked: they are being written.")


def _stored(connection: Connection, table: Table, after: int, until: int) -> dict[int, dict[str, Any]]:
    rows = connection.execute(select(table).where(table.c.id > after, table.c.id <= until))
    return {row.id: dict(row._mapping) for row in rows}


def _differing(expected: Mapping[int, Any], stored: Mapping[int, Any]) -> int:
    return sum(expected.get(one) != stored.get(one) for one in expected.keys() | stored.keys())


def _array(kind: str, row: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": row["id"], "trigrams": hashed(row[name] for name in SEARCHED[kind])}


def _sum_indexed(connection: Connection, kind: str) -> int:
    """A sum over (trigram, row) of FTS5's index. Its own check is a write, and would hold up all writers."""
    cursor = connection.connection.cursor()
    vocabulary = (
        f"CREATE VIRTUAL TABLE temp.trigrams_checked USING fts5vocab(main, {kind}_trigrams, instance)"
    )
    terms = f"SELECT term, count(*), sum(doc % {_MODULUS}) FROM temp.trigrams_checked GROUP BY term"  # noqa: S608
    cursor.execute("DROP TABLE IF EXISTS temp.trigrams_checked")
    cursor.execute(vocabulary)
    try:
        total = 0
        for term, count, rows in cursor.execute(terms):
            total += _number_of(term) * (count + rows)
        return total & _WITHIN
    finally:
        cursor.execute("DROP TABLE IF EXISTS temp.trigrams_checked")
        cursor.close()


def _sum_texts(connection: Connection, kind: str) -> int:
    total = 0
    columns = [FOLDED[kind].c[name] for name in SEARCHED[kind]]
    texts_of_all = select(FOLDED[kind].c.id, *columns)
    with connection.execute(texts_of_all, execution_options={"yield_per": _PAGE}) as rows:
        for id_, *texts in rows:
            total += sum(map(_number_of, trigrams_of(texts))) * (1 + id_ % _MODULUS)
    return total & _WITHIN
