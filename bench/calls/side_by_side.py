"""Reports of several runs in one table, as docs/benchmarks.md has it.

    python -m bench.calls.side_by_side "SQLite, before=build/before.json" "SQLite, after=build/after.json" …

A column without a file stays empty.
"""

import json
import sys
from pathlib import Path
from typing import Any

from bench.calls.report import short
from bench.calls.rows import Figure, Row
from bench.calls.table import TOPICS

Report = dict[str, dict[str, Any]]


def main() -> None:
    columns = dict(word.rpartition("=")[::2] for word in sys.argv[1:])
    reports = [_read(Path(file)) if file else {} for file in columns.values()]
    print("\n".join(table(list(columns), reports)))


def table(titles: list[str], reports: list[Report]) -> list[str]:
    """The lines of the table. A figure has its ratio to the floor in parentheses."""
    lines = [f"| | unit | target | {' | '.join(titles)} |", f"|---|---|---|{'---|' * len(titles)}"]
    for row in (row for rows in TOPICS.values() for row in rows):
        cells = [row.name, row.unit, short(row.most), *(_cell(row, report) for report in reports)]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _read(file: Path) -> Report:
    return {row["name"]: row for row in json.loads(file.read_text())["rows"]}


def _cell(row: Row, report: Report) -> str:
    """A figure of a report, beside the target that the row has now."""
    result = report.get(row.name, {"verdict": ""})
    if "ratio" not in result:
        return str(result["verdict"])
    ratio, figure = (
        short(result["ratio"]),
        Figure(result["figure"], result["floor"], result.get("allowed", 0.0)),
    )
    return f"{short(figure.ours)} ({ratio if figure.meets(row.most) else f'**{ratio}**'})"


if __name__ == "__main__":
    main()
