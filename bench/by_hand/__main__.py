"""Searches, compared with the best statements that can be written for each by hand.

    python -m bench.by_hand --archive FOLDER [--database-url URL] [--rounds 15] [--report FILE]

The archive is one that `bench.search` loaded. The statements of a search are repeated on the bare driver, in
turns with statements by hand, which use what is known about the archive. Of several forms the quickest
counts, by processor time: on PostgreSQL that of the connection's process, which must be on this machine. Both
must find the same page, the same total and the newest id, which the token of a page holds. The program exits
1 if a search takes longer than its aim.
"""

import argparse
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import PoolProxiedConnection

from bench.aims import Aims, end
from bench.by_hand import postgresql, sqlite
from bench.by_hand.statements import ByHand
from bench.clients import processor_milliseconds_of
from bench.queries import queries_of
from bench.search import CLIENT_ID, VIEWER
from bench.statements import ask_again, open_separate_connection, statements_of
from earwitness.archive.accounts.accounts import Accounts, Archive
from earwitness.archive.database.timeline import newest_committed_id
from earwitness.archive.search.filters import RecordingSearch
from earwitness.archive.search.search import DEFAULT_PAGE_SIZE, search
from earwitness.kernel.settings import Settings
from earwitness.kernel.wire import convert

AIMS = Aims(of_each=1.5, others={})
"""Of the time of a search's own statements to that of the quickest by hand."""

_SHORT_MS = 0.5
"""Between figures that differ by less, the noise of a machine decides: their aim is not missed."""

_NEWEST = "SELECT max(interaction_id) FROM recordings"


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
    with archive.read() as connection:
        asked = queries_of(newest_committed_id(connection))
    lent = open_separate_connection(archive)
    driver: Any = lent.dbapi_connection
    if arguments.database_url:
        driver.autocommit = True
        driver.execute(f"SET search_path = account_{CLIENT_ID}")
        driver.execute("SET max_parallel_workers_per_gather = 0")  # their processor time would not be seen
        driver.execute("VACUUM (ANALYZE)")
    written = (postgresql if arguments.database_url else sqlite).by_hand(asked)
    report = {
        name: _measure(archive, lent, name, one, written, arguments.rounds) for name, one in asked.items()
    }
    accounts.close()
    if arguments.report:
        arguments.report.write_text(json.dumps(report, indent=2))
    long = {name: one for name, one in report.items() if one["ours_ms"] > one["by_hand_ms"] + _SHORT_MS}
    end(AIMS.missed({name: one["ratio"] for name, one in long.items()}))


def _measure(
    archive: Archive,
    lent: PoolProxiedConnection,
    name: str,
    wanted: dict[str, Any],
    written: ByHand,
    rounds: int,
) -> dict[str, Any]:
    body = convert(wanted, RecordingSearch)
    with archive.read() as connection, statements_of(connection) as asked:
        found = search(connection, body, VIEWER)
    if not found.positions:
        sys.exit(f"{name} finds nothing in this archive, so it measures nothing.")
    first = ((body.page or 1) - 1) * DEFAULT_PAGE_SIZE
    pages, totals, at_once = _ways_by_hand(archive, written, name, first)
    driver: Any = lent.dbapi_connection
    for sql in pages:
        assert [row[0] for row in driver.execute(sql)] == found.positions, (name, sql)
    for sql in totals:
        assert driver.execute(sql).fetchone()[0] == found.total, (name, sql)
    is_sqlite = archive.engine.dialect.name == "sqlite"
    nothing = () if is_sqlite else None
    measure = processor_milliseconds_of if is_sqlite else partial(_of_backend, driver.info.backend_pid)
    ways = [asked, *([(sql, nothing)] for sql in (_NEWEST, *pages, *totals, *at_once))]
    times: list[list[float]] = [[] for _ in ways]
    for _ in range(rounds):
        for way, measured in zip(ways, times, strict=True):
            measured.append(measure(partial(ask_again, lent, way)))
    # The least: other work on the machine only adds to it.
    ours, newest, *others = [min(one) for one in times]
    of_pages, of_totals = others[: len(pages)], others[len(pages) : len(pages) + len(totals)]
    by_hand = min(min(of_pages) + min(of_totals) + newest, *others[len(pages) + len(totals) :], 1e9)
    figures = {
        "total": found.total,
        "ours_ms": round(ours, 2),
        "by_hand_ms": round(by_hand, 2),
        "ratio": round(ours / by_hand, 2),
    }
    print(f"{name:<28} {figures}", flush=True)
    return figures


def _of_backend(pid: int, work: Callable[[], object]) -> float:
    """How long a function takes the processor of PostgreSQL's process for this connection."""
    used = Path(f"/proc/{pid}/schedstat")  # nanoseconds, brought up to date when the process waits
    before = int(used.read_text().split()[0])
    work()
    return (int(used.read_text().split()[0]) - before) / 1e6


def _ways_by_hand(
    archive: Archive, written: ByHand, name: str, first: int
) -> tuple[list[str], list[str], list[str]]:
    """The statements for the page, for the total, and on PostgreSQL for both with the newest id."""
    found, limit = written.found[name], f"LIMIT {DEFAULT_PAGE_SIZE} OFFSET {first}"
    pages = [f"{one} ORDER BY 1 DESC {limit}" for one in found]
    totals = [*(f"SELECT count(*) FROM ({one}) found" for one in found), *written.counted.get(name, ())]
    if archive.engine.dialect.name == "sqlite":
        # Without an order SQLite does not merge sets, and without a limit it drops the order.
        totals += [f"SELECT count(*) FROM ({one} ORDER BY 1 LIMIT -1) found" for one in found]
        return pages, totals, []
    pages += [f"SELECT * FROM ({one} OFFSET 0) found ORDER BY 1 DESC {limit}" for one in found]
    at_once = [
        f"WITH found AS MATERIALIZED ({one}) SELECT (SELECT count(*) FROM found),"
        f" array(SELECT position FROM found ORDER BY 1 DESC {limit}), ({_NEWEST})"
        for one in found
    ]
    return pages, totals, at_once


if __name__ == "__main__":
    main()
