"""The cost of a search depends on its number of matches: how much each query may read, on both databases.

It is counted, not timed: SQLite's steps by its progress handler, PostgreSQL's rows by EXPLAIN ANALYZE.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from bench.generating import DEPARTMENT, PEOPLE
from bench.loading import load
from bench.queries import queries_of
from bench.statements import statements_of
from sqlalchemy import text

from earwitness.api.recordings.search_rows import recordings_at
from earwitness.archive.access.viewer import PolicyConditions, Viewer
from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.search.filters import RecordingSearch
from earwitness.archive.search.search import search
from earwitness.kernel.rights import Right
from earwitness.kernel.wire import convert
from tests.conftest import DATABASES, installation
from tests.firm import CLIENT_ID
from tests.visits import filled_once, visits

COUNT = 2_000
QUERIES = queries_of(1_000_000)
SEES_ALL = Viewer(CLIENT_ID, 1, "somebody", "somebody", None, frozenset(Right), (), "")
STANDARD = replace(SEES_ALL, rights=frozenset({Right.RECORDING_VIEW}))

# SQLite's steps over 2,000 recordings for who sees all and for who sees no private ones, then PostgreSQL's
# rows for each. A quarter more than was counted: a plan that gets worse takes many times as much.
MOST: dict[str, tuple[int, ...]] = {
    "one day": (110, 120, 25, 25),
    "a third of the archive": (3_500, 5_800, 1_900, 2_100),
    "everything": (1_700, 4_100, 5_200, 5_500),
    "calls in of a year": (9_400, 12_000, 1_100, 1_300),
    "rare word": (350, 660, 20, 20),
    "medium word": (380, 900, 42, 180),
    "common word": (6_000, 63_000, 9_600, 16_000),
    "two common words": (4_600, 44_000, 2_900, 12_000),
    "common phrase": (1_700, 4_000, 2_500, 6_900),
    "phrase without pairs": (10_000, 10_000, 10_000, 10_000),
    "common word of a day": (390, 800, 25, 27),
    "all but a word": (34_000, 110_000, 14_000, 15_000),
    "busy endpoint": (4_400, 7_800, 980, 1_500),
    "quiet endpoint, common word": (1_400, 1_500, 2_500, 2_500),
    "busy endpoint, common word": (80_000, 83_000, 12_000, 12_100),
    "all but the busiest": (4_300, 13_000, 5_700, 6_600),
    "tag": (890, 1_300, 200, 350),
    "lunchtime in London": (100_000, 110_000, 6_200, 6_500),
    "between two": (8_200, 8_300, 2_300, 2_400),
    "ten thousand ids": (110_000, 210_000, 13_000, 26_000),
    "page far back": (160, 2_100, 5_100, 5_200),
}


@pytest.fixture(scope="module", params=DATABASES)
def archive(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """An archive that is filled once for all tests of this file, which may only read it."""
    with (
        installation(request, tmp_path_factory.mktemp("archive")) as settings,
        filled_once(settings, lambda it: load(it, COUNT), ["recording_text_by_document"]) as archive,
    ):
        yield archive


def test_no_search_visits_more_than_its_limit(archive: Archive) -> None:
    mine = slice(0, 2) if archive.engine.dialect.name == "sqlite" else slice(2, 4)
    too_much: dict[str, str] = {}
    for name, wanted in QUERIES.items():
        visited = [_visited(archive, viewer, wanted) for viewer in (SEES_ALL, STANDARD)]
        most = MOST[name][mine]
        if any(one > bound for one, bound in zip(visited, most, strict=True)):
            too_much[name] = f"visits {visited}, may visit {most}"
    assert too_much == {}


def _visited(archive: Archive, viewer: Viewer, wanted: dict[str, Any]) -> int:
    with archive.read() as connection:
        with visits(connection) as counted:
            search(connection, convert(wanted, RecordingSearch), viewer)
        return sum(counted)


SOME = PolicyConditions(person_ids=[PEOPLE - 100])
OTHERS = PolicyConditions(person_ids=[PEOPLE - 200], data_groups={"Department": [DEPARTMENT]})


@pytest.mark.parametrize("policies", [(SOME,), (OTHERS,), (SOME, OTHERS)])
@pytest.mark.parametrize("wanted", ["everything", "common word", "busy endpoint", "one day"])
def test_a_viewer_of_few_recordings_is_answered_from_these(
    archive: Archive, policies: tuple[PolicyConditions, ...], wanted: str
) -> None:
    limited = replace(SEES_ALL, policies=policies)
    assert _visited(archive, limited, QUERIES[wanted]) < COUNT / 10


def test_a_short_prefix_of_most_recordings_is_read_in_small_steps(archive: Archive) -> None:
    everything, day = {"freeText": "t*"}, {"freeText": "t*", **QUERIES["one day"]}
    assert _visited(archive, SEES_ALL, everything) > COUNT
    assert _visited(archive, SEES_ALL, day) < COUNT


# SQLite counts steps, and not how much each step reads.
@pytest.mark.parametrize("archive", ["sqlite"], indirect=True)
def test_a_page_far_back_skips_over_a_narrow_index(archive: Archive) -> None:
    with archive.read() as connection:
        with statements_of(connection) as asked:
            search(connection, RecordingSearch(page=15), SEES_ALL, newest_id=COUNT)
        *_, (page, parameters) = asked
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {page}", parameters).all()
    assert ["COVERING INDEX recordings_places" in row.detail for row in plan] == [True]


@pytest.mark.parametrize("archive", ["postgresql"], indirect=True)
def test_lookups_by_key_are_planned_once_and_searches_each_time(archive: Archive) -> None:
    wanted = convert(QUERIES["medium word"], RecordingSearch)
    with archive.read() as connection:
        for _ in range(8):
            found = search(connection, wanted, SEES_ALL)
            recordings_at(connection, SEES_ALL, found.positions, found.query)
        kept = connection.execute(text("SELECT statement, generic_plans FROM pg_prepared_statements")).all()
    assert [row.generic_plans > 0 for row in kept if "transcript_snippet" in row.statement] == [True]
    assert [row.statement for row in kept if "document" in row.statement] == []
