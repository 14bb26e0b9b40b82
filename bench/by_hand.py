"""Searches on PostgreSQL, compared with the best statements that can be written for each by hand.

    python -m bench.by_hand --archive FOLDER --database-url URL [--rounds 15] [--report FILE]

The archive is one that `bench.search` loaded. The statements of a search are repeated on the bare driver, in
turns with statements by hand. Those use what is known about the archive: no document has a second part, which
words are rare, and the viewer may see everything. Of several forms the quickest counts. Both must find the
same page, the same total and the newest id, which the token of a page holds.
"""

import argparse
import json
import statistics
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import PoolProxiedConnection

from bench.clients import milliseconds_of
from bench.generating import NOBODY_SAYS, word_of
from bench.queries import QUERIES, RARER, queries_of
from bench.search import CLIENT_ID, VIEWER
from bench.statements import ask_again, open_separate_connection, statements_of
from earwitness.archive.accounts.accounts import Accounts, Archive
from earwitness.archive.database.timeline import first_position
from earwitness.archive.search.filters import RecordingSearch
from earwitness.archive.search.search import DEFAULT_PAGE_SIZE, search
from earwitness.archive.text.common_words import in_pairs
from earwitness.kernel.clock import parse_ms
from earwitness.kernel.settings import Settings
from earwitness.kernel.wire import convert


def _within(column: str, filters: dict[str, Any]) -> str:
    start, end = (parse_ms(filters["dateTimeRange"][name]) for name in ("from", "to"))
    if column == "position":
        start, end = first_position(start), first_position(end)
    return f"{column} >= {start} AND {column} < {end}"


_DAY, _ON_DAY = (_within(column, QUERIES["one day"]) for column in ("started_at", "position"))
_YEAR, _ON_YEAR = (
    _within(column, QUERIES["a third of the archive"]) for column in ("started_at", "position")
)
_FACTS = "direction = 'In' AND type = 'phone'"
_BUSY, _SECOND, _QUIET = "endpoint_id = 1", "endpoint_id = 2", "endpoint_id = 3000"
_AT_LUNCH = (
    "extract(hour FROM to_timestamp(started_at / 1000.0) AT TIME ZONE 'Europe/London') = 12",
    # The same condition by arithmetic: the clocks of London change at 01:00 UTC.
    "(started_at + CASE WHEN started_at < 1711846800000 THEN 0 WHEN started_at < 1729990800000 THEN 3600000"
    " WHEN started_at < 1743296400000 THEN 0 WHEN started_at < 1761440400000 THEN 3600000"
    " WHEN started_at < 1774746000000 THEN 0 WHEN started_at < 1792890000000 THEN 3600000 ELSE 0 END)"
    " % 86400000 / 3600000 = 12",
)


def _said(*words: str) -> str:
    asked = " & ".join(f"''{word}''" for word in words)
    return f"document @@ '{asked}'::tsquery"


_COMMON = _said(word_of(0))
_PHRASE = _said(*in_pairs([word_of(0), word_of(1)]))
_TWO = _said(word_of(3), word_of(9))


def _positions(table: str, *conditions: str, distinct: bool = False) -> str:
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT {'DISTINCT ' if distinct else ''}position FROM {table}{where}"


def _texts(condition: str, *others: str) -> Sequence[str]:
    """Statements that use the text index, or that read along the timeline."""
    return (
        _positions("recording_text", condition, *others),
        "SELECT r.position FROM recordings r JOIN recording_text t ON t.position = r.position"
        f" WHERE {' AND '.join((condition, *(other.replace('position', 'r.position') for other in others)))}",
    )


def _both(endpoint: str, said: str) -> Sequence[str]:
    of_endpoint = _positions("recording_endpoints", endpoint, distinct=True)
    return (
        f"SELECT position FROM ({of_endpoint}) e JOIN recording_text t USING (position) WHERE {said}",
        f"{of_endpoint} INTERSECT {_positions('recording_text', said)}",
        f"{_positions('recording_text', said)} AND position IN ({of_endpoint})",
        f"{of_endpoint} AND EXISTS (SELECT FROM recording_text t"
        f" WHERE t.position = recording_endpoints.position AND {said})",
    )


_WITH_EACH_OTHER = (
    "SELECT DISTINCT a.position FROM recording_endpoints a JOIN recording_endpoints b USING (position)"
    " WHERE a.endpoint_id = 1 AND b.endpoint_id = 2 AND a.ordinal <> b.ordinal",
    f"{_positions('recording_endpoints', _BUSY)} INTERSECT {_positions('recording_endpoints', _SECOND)}",
    f"{_positions('recording_endpoints', _SECOND, distinct=True)} AND position IN"
    f" ({_positions('recording_endpoints', _BUSY)})",
)
_NEWEST = "SELECT max(interaction_id) FROM recordings"
_IDS = "(ids of the archive)"

# For each search, statements that select the positions that it finds.
FOUND: dict[str, Sequence[str]] = {
    "one day": (_positions("recordings", _DAY), _positions("recordings", _ON_DAY)),
    "a third of the archive": (
        _positions("recordings", _YEAR),
        _positions("recordings", _ON_YEAR),
    ),
    "everything": (_positions("recordings"),),
    "calls in of a year": (
        _positions("recordings", _YEAR, _FACTS),
        _positions("recordings", _ON_YEAR, _FACTS),
    ),
    "rare word": _texts(_said(NOBODY_SAYS)),
    "medium word": _texts(_said(word_of(3000))),
    "common word": _texts(_COMMON),
    "two common words": _texts(_TWO),
    "common phrase": _texts(_PHRASE),
    "phrase of rarer words": _texts(f"document @@ '{' <-> '.join(RARER)}'::tsquery"),
    "common word of a day": _texts(_COMMON, _ON_DAY),
    "all but a word": (
        _positions("recording_text", f"NOT {_COMMON}"),
        f"{_positions('recordings')} EXCEPT {_positions('recording_text', _COMMON)}",
        f"SELECT r.position FROM recordings r WHERE NOT EXISTS"
        f" (SELECT FROM recording_text t WHERE t.position = r.position AND {_COMMON})",
    ),
    "busy endpoint": (
        _positions("recording_endpoints", _BUSY, distinct=True),
        "SELECT r.position FROM recordings r WHERE EXISTS"
        f" (SELECT FROM recording_endpoints e WHERE e.position = r.position AND {_BUSY})",
    ),
    "quiet endpoint, common word": _both(_QUIET, _COMMON),
    "busy endpoint, common word": _both(_BUSY, _COMMON),
    "all but the busiest": (
        f"{_positions('recordings')} EXCEPT {_positions('recording_endpoints', _BUSY)}",
        "SELECT r.position FROM recordings r WHERE NOT EXISTS"
        f" (SELECT FROM recording_endpoints e WHERE e.position = r.position AND {_BUSY})",
    ),
    "tag": (_positions("recording_tags", "tag_id = 1"),),
    "lunchtime in London": tuple(_positions("recordings", condition) for condition in _AT_LUNCH),
    "between two": _WITH_EACH_OTHER,
    "ten thousand ids": (
        _positions("recordings", f"interaction_id = ANY ('{{{_IDS}}}'::bigint[])"),
        f"SELECT position FROM unnest('{{{_IDS}}}'::bigint[]) listed (id)"
        " JOIN recordings ON interaction_id = id",
    ),
    "a page far back": (_positions("recordings"),),
}
# Statements for totals that are quicker than counting the selected positions.
COUNTED: dict[str, Sequence[str]] = {
    "all but a word": (
        f"SELECT (SELECT count(*) FROM recordings) - (SELECT count(*) FROM recording_text WHERE {_COMMON})",
    ),
    "all but the busiest": (
        "SELECT (SELECT count(*) FROM recordings) - (SELECT count(DISTINCT position)"
        f" FROM recording_endpoints WHERE {_BUSY})",
    ),
    "busy endpoint": (f"SELECT count(DISTINCT position) FROM recording_endpoints WHERE {_BUSY}",),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--archive", type=Path, required=True)
    parser.add_argument("--database-url", required=True)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--report", type=Path)
    arguments = parser.parse_args()
    accounts = Accounts(
        Settings(
            data=arguments.archive / "data",
            keys=arguments.archive / "keys",
            database_url=arguments.database_url,
        )
    )
    archive = accounts.open(CLIENT_ID)
    lent = open_separate_connection(archive)
    driver: Any = lent.dbapi_connection
    driver.autocommit = True
    driver.execute(f"SET search_path = account_{CLIENT_ID}")
    driver.execute("VACUUM (ANALYZE)")
    queries = queries_of(driver.execute(_NEWEST).fetchone()[0])
    report = {
        name: _measure(archive, lent, name, filters, arguments.rounds) for name, filters in queries.items()
    }
    accounts.close()
    if arguments.report:
        arguments.report.write_text(json.dumps(report, indent=2))


def _measure(
    archive: Archive, lent: PoolProxiedConnection, name: str, filters: dict[str, Any], rounds: int
) -> dict[str, Any]:
    body = convert(filters, RecordingSearch)
    with archive.read() as connection, statements_of(connection) as asked:
        found = search(connection, body, VIEWER)
    found_by = [sql.replace(_IDS, ",".join(map(str, _ids(filters)))) for sql in FOUND[name]]
    first = ((body.page or 1) - 1) * DEFAULT_PAGE_SIZE
    pages, totals, at_once = _ways_by_hand(found_by, COUNTED.get(name, ()), first)
    driver: Any = lent.dbapi_connection
    for sql in pages:
        assert [row[0] for row in driver.execute(sql)] == found.positions, (name, sql)
    for sql in totals:
        assert driver.execute(sql).fetchone()[0] == found.total, (name, sql)
    ways = [asked, *([(sql, None)] for sql in (_NEWEST, *pages, *totals, *at_once))]
    times: list[list[float]] = [[] for _ in ways]
    for _ in range(rounds):
        for way, measured in zip(ways, times, strict=True):
            measured.append(milliseconds_of(partial(ask_again, lent, way)))
    ours, newest, *others = [statistics.median(one) for one in times]
    of_pages, of_totals = others[: len(pages)], others[len(pages) : len(pages) + len(totals)]
    by_hand = min(min(of_pages) + min(of_totals) + newest, *others[len(pages) + len(totals) :])
    told = {
        "total": found.total,
        "ours_ms": round(ours, 2),
        "by_hand_ms": round(by_hand, 2),
        "ratio": round(ours / by_hand, 2),
    }
    print(f"{name:<28} {told}", flush=True)
    return told


def _ids(filters: dict[str, Any]) -> list[int]:
    ids: list[int] = filters.get("recordingIds", {}).get("include", [])
    return ids


def _ways_by_hand(
    found_by: Sequence[str], counted: Sequence[str], first: int
) -> tuple[list[str], list[str], list[str]]:
    """The statements for the page, for the total, and for both with the newest id."""
    size = DEFAULT_PAGE_SIZE
    pages = [f"{one} ORDER BY 1 DESC LIMIT {size} OFFSET {first}" for one in found_by]
    pages += [
        f"SELECT * FROM ({one} OFFSET 0) found ORDER BY 1 DESC LIMIT {size} OFFSET {first}"
        for one in found_by
    ]
    totals = [*(f"SELECT count(*) FROM ({one}) found" for one in found_by), *counted]
    at_once = [
        f"WITH found AS MATERIALIZED ({one}) SELECT (SELECT count(*) FROM found),"
        f" array(SELECT position FROM found ORDER BY 1 DESC LIMIT {size} OFFSET {first}), ({_NEWEST})"
        for one in found_by
    ]
    return pages, totals, at_once


if __name__ == "__main__":
    main()
