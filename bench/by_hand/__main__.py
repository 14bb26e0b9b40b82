"""Searches compared with the best statements that can be written for each by hand, on either database.

    python -m bench.by_hand --archive FOLDER [--database-url URL] [--rounds 15] [--report FILE]

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

from bench.by_hand import postgresql, sqlite
from bench.by_hand.plain import IDS, NEWEST
from bench.clients import milliseconds_of
from bench.queries import queries_of
from bench.search import CLIENT_ID, VIEWER
from bench.statements import ask_again, open_separate_connection, statements_of
from earwitness.archive.accounts.accounts import Accounts, Archive
from earwitness.archive.search.filters import RecordingSearch
from earwitness.archive.search.search import DEFAULT_PAGE_SIZE, search
from earwitness.kernel.settings import Settings
from earwitness.kernel.wire import convert

_ALL = 1 << 60
"""A limit that limits nothing: what is inside of it is found first, and sorted afterwards."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--archive", type=Path, required=True)
    parser.add_argument("--database-url", default="")
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
    if _on_postgres(archive):
        driver.autocommit = True
        driver.execute(f"SET search_path = account_{CLIENT_ID}")
        driver.execute("VACUUM (ANALYZE)")
    queries = queries_of(driver.execute(NEWEST).fetchone()[0])
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
    by_hand = postgresql if _on_postgres(archive) else sqlite
    found_by = [sql.replace(IDS, ",".join(map(str, _ids(filters)))) for sql in by_hand.FOUND[name]]
    first = ((body.page or 1) - 1) * DEFAULT_PAGE_SIZE
    pages, totals = _ways_by_hand(found_by, by_hand.TOTALS.get(name, ()), first)
    at_once = _at_once(found_by, first) if _on_postgres(archive) else []
    driver: Any = lent.dbapi_connection
    for sql in pages:
        assert [row[0] for row in driver.execute(sql)] == found.positions, (name, sql)
    for sql in totals:
        assert driver.execute(sql).fetchone()[0] == found.total, (name, sql)
    bare = None if _on_postgres(archive) else ()  # None: psycopg does not look for parameters
    ways = [asked, *([(sql, bare)] for sql in (NEWEST, *pages, *totals, *at_once))]
    times: list[list[float]] = [[] for _ in ways]
    for _ in range(rounds):
        for way, measured in zip(ways, times, strict=True):
            measured.append(milliseconds_of(partial(ask_again, lent, way)))
    ours, newest, *others = [statistics.median(one) for one in times]
    of_pages, of_totals = others[: len(pages)], others[len(pages) : len(pages) + len(totals)]
    quickest = min([min(of_pages) + min(of_totals) + newest, *others[len(pages) + len(totals) :]])
    told = {
        "total": found.total,
        "ours_ms": round(ours, 2),
        "by_hand_ms": round(quickest, 2),
        "ratio": round(ours / quickest, 2),
    }
    print(f"{name:<28} {told}", flush=True)
    return told


def _ids(filters: dict[str, Any]) -> list[int]:
    ids: list[int] = filters.get("recordingIds", {}).get("include", [])
    return ids


def _on_postgres(archive: Archive) -> bool:
    return archive.engine.dialect.name == "postgresql"


def _ways_by_hand(found_by: Sequence[str], counted: Sequence[str], first: int) -> tuple[list[str], list[str]]:
    """The statements for the page, and for the total."""
    size = DEFAULT_PAGE_SIZE
    pages = [
        f"SELECT * FROM ({one} LIMIT {_ALL} OFFSET 0) found ORDER BY 1 DESC LIMIT {size} OFFSET {first}"
        for one in found_by
    ]
    pages += [f"{one} ORDER BY 1 DESC LIMIT {size} OFFSET {first}" for one in found_by]
    totals = [*(f"SELECT count(*) FROM ({one}) found" for one in found_by), *counted]
    return pages, totals


def _at_once(found_by: Sequence[str], first: int) -> list[str]:
    """Statements of PostgreSQL that find the page, the total and the newest id together."""
    page = f"SELECT position FROM found ORDER BY 1 DESC LIMIT {DEFAULT_PAGE_SIZE} OFFSET {first}"
    return [
        f"WITH found AS MATERIALIZED ({one}) SELECT (SELECT count(*) FROM found), array({page}), ({NEWEST})"
        for one in found_by
    ]


if __name__ == "__main__":
    main()
