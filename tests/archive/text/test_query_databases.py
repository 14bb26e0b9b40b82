"""SQLite and PostgreSQL find what a plain implementation finds, however long the text."""

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    MetaData,
    Table,
    cast,
    column,
    create_engine,
    insert,
    make_url,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect

from earwitness.archive.spelling.tokens import document_tokens, query_tokens
from earwitness.archive.text.common_words import pairs_of
from earwitness.archive.text.parsing import DEEPEST, MOST_TERMS, parse
from earwitness.archive.text.postgresql import (
    PART_BYTES,
    PART_REPEATS,
    PART_TOKENS,
    found_in,
    parts,
    tsvectors,
)
from earwitness.archive.text.query import MOST_TOKENS, All, Either, Node, Not, Phrase
from earwitness.archive.text.sqlite import can_be_read, fts5, stands_in
from earwitness.kernel.errors import BadRequest
from tests.archive.plain_reading import matches

Documents = Sequence[Sequence[str]]

VOCABULARY = [
    "a",
    "b",
    "it",
    "it's",
    "ab",
    "abc",
    "a-b",
    "東",
    "京",
    "東京",
    "東京a",
    "กิ",
    "é",
    "Ж",
    "c" * 70,
    "'\\&|!:",
    "a👍🏽",
    "👩\u200d👩\u200d👧",
    "🇬🇧",
    "회의",
]


def texts(vocabulary: list[str]) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(vocabulary), max_size=8).map(" ".join)


@st.composite
def phrases(draw: st.DrawFn, vocabulary: list[str]) -> Phrase:
    tokens, prefix = query_tokens(draw(texts(vocabulary).filter(lambda text: query_tokens(text)[0] != [])))
    return Phrase(tuple(tokens), prefix or draw(st.booleans()))


def trees(vocabulary: list[str]) -> st.SearchStrategy[Node]:
    return st.recursive(phrases(vocabulary), _branches, max_leaves=10)


def _branches(nodes: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(nodes, min_size=1, max_size=4).map(tuple)
    return several.map(All) | several.map(Either) | nodes.map(Not)


documents = st.lists(st.lists(texts(VOCABULARY), max_size=3).map(document_tokens), min_size=1, max_size=5)


def written(node: Node) -> str:
    match node:
        case Phrase(tokens, prefix):
            return "-".join(tokens) + "*" * prefix
        case Not(part):
            return f"-({written(part)})"
        case All(parts):
            return f"({' '.join(map(written, parts))})"
        case Either(parts):
            return f"({' OR '.join(map(written, parts))})"


def with_pairs(document: Sequence[str]) -> list[str]:
    return [*document, *pairs_of(document)]


def plainly(node: Node, given: Documents) -> set[int]:
    return {number for number, document in enumerate(given) if matches(node, document)}


def in_sqlite(
    node: Node, given: Documents, said: Documents | None = None, *, only_rest: bool = False
) -> set[int]:
    """What FTS5's index finds, which reading document by document finds too."""
    database = sqlite3.connect(":memory:")
    database.execute("CREATE VIRTUAL TABLE kept USING fts5 (said, rest, tokenize = 'ascii')")
    apart = zip(said or [[]] * len(given), given, strict=True)
    rows = [(number, *map(" ".join, map(with_pairs, both))) for number, both in enumerate(apart)]
    database.executemany("INSERT INTO kept (rowid, said, rest) VALUES (?, ?, ?)", rows)
    hits = fts5(node)
    matches = "rest MATCH ?" if only_rest else "kept MATCH ?"
    found = {
        number for (number,) in database.execute(f"SELECT rowid FROM kept WHERE {matches}", [hits.found])
    }
    found = set(range(len(given))) - found if hits.complement else found
    if can_be_read(node):
        names = ["rest"] if only_rest else ["said", "rest"]
        columns: list[ColumnElement[str]] = [column(name) for name in names]
        one_by_one = select(text("rowid")).select_from(text("kept")).where(stands_in(columns, node))
        asked = one_by_one.compile(dialect=sqlite_dialect(), compile_kwargs={"literal_binds": True})
        assert {number for (number,) in database.execute(str(asked))} == found
    database.close()
    return found


kept = Table(
    "kept",
    MetaData(),
    Column("position", BigInteger),
    Column("part", Integer),
    Column("document", TSVECTOR, nullable=False),
    prefixes=["TEMPORARY"],
)
Index("kept_by_document", kept.c.document, postgresql_using="gin")


def in_postgres(
    connection: Connection,
    node: Node,
    given: Documents,
    said: Documents | None = None,
    *,
    only_rest: bool = False,
) -> set[int]:
    with connection.begin_nested() as tried:
        keep(connection, given, said)
        hits = found_in(kept, node, only_rest=only_rest)
        found = {position for one in hits.found for position in connection.scalars(one)}
        tried.rollback()
    return set(range(len(given))) - found if hits.complement else found


def keep(connection: Connection, given: Documents, said: Documents | None = None) -> None:
    apart = zip(said or [[]] * len(given), given, strict=True)
    for number, (spoken, rest) in enumerate(apart):
        for place, literal in enumerate(tsvectors(with_pairs(spoken), with_pairs(rest))):
            vector = cast(literal, TSVECTOR)
            connection.execute(insert(kept).values(position=number, part=place, document=vector))


@pytest.fixture(scope="module")
def postgres(postgres_url: str) -> Iterator[Connection]:
    engine = create_engine(make_url(postgres_url).set(drivername="postgresql+psycopg"))
    with engine.connect() as connection:
        kept.metadata.create_all(connection)
        connection.exec_driver_sql("SET enable_seqscan = off")  # ask the index, as where there is more
        yield connection
    engine.dispose()


@given(trees(VOCABULARY), documents)
@settings(deadline=None)
def test_sqlite_finds_what_a_plain_implementation_finds(node: Node, given: Documents) -> None:
    assert in_sqlite(node, given) == plainly(node, given)


@given(trees(VOCABULARY), documents)
@settings(deadline=None)
def test_postgresql_finds_what_a_plain_implementation_finds(
    postgres: Connection, node: Node, given: Documents
) -> None:
    assert in_postgres(postgres, node, given) == plainly(node, given)


in_two = st.lists(st.tuples(texts(VOCABULARY), texts(VOCABULARY)), min_size=1, max_size=4)


@given(trees(VOCABULARY), in_two, st.booleans())
@settings(deadline=None)
def test_what_was_said_is_searched_with_the_rest_or_left_out(
    postgres: Connection, node: Node, texts: list[tuple[str, str]], only_rest: bool
) -> None:
    said = [document_tokens([spoken]) for spoken, _ in texts]
    rest = [document_tokens([other, "b"]) for _, other in texts]
    whole = [document_tokens([spoken, other, "b"]) for spoken, other in texts]
    expected = plainly(node, rest if only_rest else whole)
    assert in_sqlite(node, rest, said, only_rest=only_rest) == expected
    assert in_postgres(postgres, node, rest, said, only_rest=only_rest) == expected


@given(trees(["a", "b", "ab", "é", "c" * 70]), documents)
@settings(deadline=None)
def test_a_tree_means_the_same_when_it_is_written_out_and_parsed(node: Node, given: Documents) -> None:
    read = parse(written(node))
    assert read is not None
    assert plainly(read, given) == plainly(node, given)


DIGITS = ["44", "+44", "7700", "(0)7700", "900123", "447700900123", "+447700900123", "00", "0044", "a"]


@given(texts([*DIGITS, "&", "(44)", "900*", "-+44", "OR"]), st.lists(texts(DIGITS), min_size=1, max_size=5))
@settings(deadline=None)
def test_both_databases_find_the_same_phone_numbers(
    postgres: Connection, query: str, said: list[str]
) -> None:
    given = [document_tokens([one, "44"]) for one in said]
    node = _parsed(query)
    if node is not None:
        assert in_sqlite(node, given) == in_postgres(postgres, node, given) == plainly(node, given)


@pytest.mark.parametrize(
    "level",
    [
        "a -b -({}) OR -c",
        "b -(a OR {})",
        "c ({}) -a OR -b OR a",
        "-a OR b OR ({})",
        "b -({})",
        "(a ({})) OR b",
    ],
)
def test_the_deepest_query_fits_the_parser_of_fts5(level: str) -> None:
    given = [document_tokens([text]) for text in ("a", "b", "c", "a b", "a c", "b c", "a b c", "")]
    query, depth = "a*", 0
    while depth < DEEPEST and (node := _parsed(level.format(query))) is not None:
        query, depth = level.format(query), depth + 1
        assert in_sqlite(node, given) == in_sqlite(node, given, only_rest=True) == plainly(node, given)
    assert depth >= DEEPEST // 2


def _read(phrase: str) -> Node:
    node = parse(f'"{phrase}"')
    assert node is not None
    return node


def _parsed(query: str) -> Node | None:
    try:
        return parse(query)
    except BadRequest:
        return None


def test_a_query_of_as_many_words_as_allowed_is_answered(postgres: Connection) -> None:
    given = [[f"w{number}" for number in range(MOST_TERMS)], ["w1"], ["other"]]
    for joint in (" ", " OR ", " -"):
        node = parse(joint.join(given[0]))
        assert node is not None
        assert in_sqlite(node, given) == in_postgres(postgres, node, given) == plainly(node, given)


# Long texts

SPOKEN = [f"w{number % 30_011}" for number in range(100_000)]
for _place in range(0, 100_000, 100):
    SPOKEN[_place] = "again"
WIDE = [f"{number:064}".replace("0", "𠮷") for number in range(10_000)]


@pytest.mark.parametrize(
    "document",
    [
        SPOKEN,
        ["again"] * 1_000,
        ["again"] * 100_000,
        ["again", "and"] * 5_000,
        WIDE,
        ["one"],
        [],
    ],
    ids=["long", "thousand", "one word", "two words", "wide", "short", "empty"],
)
def test_parts_keep_the_limits_and_every_phrase(document: list[str]) -> None:
    pieces = list(parts(document))
    for piece in pieces:
        assert len(piece) <= PART_TOKENS
        assert max(map(piece.count, set(piece[:5]) | {"again"})) <= PART_REPEATS
        assert sum(len(token.encode()) for token in piece) <= PART_BYTES
    rebuilt = list(pieces[0]) if pieces else []
    for before, after in pairwise(pieces):
        assert before[-MOST_TOKENS:] == after[:MOST_TOKENS]
        assert len(after) > MOST_TOKENS
        rebuilt += after[MOST_TOKENS:]
    assert rebuilt == document


def test_a_long_transcript_is_found_by_words_of_any_part(postgres: Connection) -> None:
    given = [SPOKEN, ["again"] * 1_000, ["again"] * 63, ["w1", "w30010"], WIDE, ["again"] * 20_000]
    starts = [0, 7_935, 7_936, 7_999, 8_000, 15_872, 50_000, len(SPOKEN) - MOST_TOKENS]
    queries: list[Node] = [Phrase(tuple(SPOKEN[start : start + MOST_TOKENS])) for start in starts]
    queries += [
        Phrase(("again",) * MOST_TOKENS),
        Phrase(("again",)),
        Phrase(("w99", "again", "w1"), prefix=True),
        Not(Not(Phrase(("again",)))),
        All((Phrase(("w1",)), Phrase(("w30010",)))),
        All((Phrase(("w29999",)), Not(Phrase(("again",))))),
        Phrase(("w30010", "w1")),
        Phrase(tuple(WIDE[2_000 : 2_000 + MOST_TOKENS])),
        Phrase(tuple(WIDE[-MOST_TOKENS:])),
        _read(" ".join(SPOKEN[7_800:8_100])),
        _read(f"{' '.join(SPOKEN[7_800:8_000])} {' '.join(SPOKEN[8_001:8_100])}"),
    ]
    keep(postgres, given)
    for query in queries:
        hits = found_in(kept, query)
        found = [position for one in hits.found for position in postgres.scalars(one)]
        assert set(found) == plainly(query, given) == in_sqlite(query, given)
        if not isinstance(query, Phrase):
            assert len(found) == len(set(found))
    postgres.execute(kept.delete())


def test_the_rest_is_searched_alone_after_a_long_transcript(postgres: Connection) -> None:
    said, rest = [SPOKEN, SPOKEN, [], SPOKEN[:7_990]], [["w7", "note"], ["note"], ["w7"], ["w8", "w7"]]
    asked: list[Node] = [
        Phrase(("w7",)),
        Phrase(("w7", "note")),
        All((Phrase(("w7",)), Not(Phrase(("note",))))),
    ]
    asked += [Not(Phrase(("w7",))), Phrase(("w8", "w9")), Phrase(("w",), prefix=True)]
    for query in asked:
        expected = plainly(query, rest)
        assert in_sqlite(query, rest, said, only_rest=True) == expected
        assert in_postgres(postgres, query, rest, said, only_rest=True) == expected
