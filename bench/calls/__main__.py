"""The calls around search, compared with their floors, in one run with a real server.

    python -m bench.calls [--database postgres] [--recordings 100000 --people 50000] [--only people ingest …]

Prints each row with its target, and ends with 1 if one is missed or fails. A row whose call this version does
not have is named, and is not a failure.
"""

import argparse
import json
import os
import platform
import sys
import traceback
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import get_args

from bench.calls.installation import installed
from bench.calls.report import HEADER, Result, short
from bench.calls.rows import NotOffered, Row, State
from bench.calls.site import Site
from bench.calls.table import TOPICS


def main() -> None:
    arguments = _arguments()
    rows = [row for topic in arguments.only for row in TOPICS[topic] if arguments.row in row.name]
    if not rows:
        sys.exit(f"No row has {arguments.row!r} in its name.")
    with installed(
        arguments.folder,
        arguments.database,
        arguments.recordings,
        arguments.people,
        arguments.rounds,
        arguments.mass_rounds,
    ) as site:
        results = list(_measured(site, rows))
    results.sort(key=lambda result: rows.index(result.row))
    _print_and_keep(arguments, results)
    if any(result.verdict in {"missed", "failed"} for result in results):
        sys.exit(1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--recordings", type=int, default=100_000)
    parser.add_argument(
        "--people", type=int, default=50_000, help="half of them are staff; a tenth as many users"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mass-rounds", type=int, default=3, help="rounds of changes of much")
    parser.add_argument("--only", nargs="+", choices=TOPICS, default=list(TOPICS), metavar="TOPIC")
    parser.add_argument("--row", default="", metavar="TEXT", help="only rows with this in their name")
    parser.add_argument("--folder", type=Path, default=Path("build"), help="a folder on the disk to measure")
    parser.add_argument("--report", type=Path, default=Path("build/bench-calls.json"))
    arguments = parser.parse_args()
    if arguments.recordings < arguments.people or arguments.people < 100:
        parser.error("there are at least 100 people, and as many recordings as people")
    return arguments


def _measured(site: Site, rows: list[Row]) -> Iterator[Result]:
    """Measure rows, those of a state together."""
    for state in get_args(State):
        these = [row for row in rows if row.state == state]
        if not these:
            continue
        with nullcontext() if state == "stopped" else site.serving(jobs=state == "serving"):
            for row in these:
                result = _measure(site, row)
                print(result.line() + (f" {result.reason}" if result.reason else ""), flush=True)
                yield result


def _measure(site: Site, row: Row) -> Result:
    """Measure a row. If it fails, the others are measured nevertheless."""
    try:
        if row.state != "stopped":
            site.sign_in()
        return Result.of(row, row.measure(site))
    except NotOffered as missing:
        return Result(row, verdict="not there", reason=str(missing))
    except Exception as error:
        traceback.print_exc()
        return Result(row, verdict="failed", reason=f"{type(error).__name__}: {error}")


def _print_and_keep(arguments: argparse.Namespace, results: list[Result]) -> None:
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    size = f"{arguments.recordings:,} recordings, {arguments.people:,} people, {arguments.database}"
    print(f"\n{size}, {machine}\n\n{HEADER}")
    for result in results:
        print(result.line())
    verdicts = [result.verdict for result in results]
    counts = (f"{verdicts.count(one)} {one}" for one in ("ok", "missed", "failed", "not there"))
    print(f"\n{', '.join(counts)}")
    for result in results:
        if result.verdict == "missed" and result.figure:
            print(f"missed: {result.row.name}: {short(result.figure.ratio)} times {result.row.floor}")
        elif result.reason:
            print(f"{result.verdict}: {result.row.name}: {result.reason}")
    report = {"size": size, "machine": machine, "rows": [result.as_json() for result in results]}
    arguments.report.parent.mkdir(parents=True, exist_ok=True)
    arguments.report.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
