"""The table of `make bench-calls`: its rows, its verdicts, and how processor time is counted."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from bench.calls.processor import used_by_tree
from bench.calls.report import Result
from bench.calls.rows import Figure, Row
from bench.calls.table import TOPICS, TableError, check

BENCHMARKS = Path(__file__).parent.parent / "docs" / "benchmarks.md"


def row(name: str = "a call", most: float = 2.0) -> Row:
    return Row(name, "ms", "a floor", most, lambda _: Figure(1, 1))


def test_each_row_is_in_the_documentation() -> None:
    text = BENCHMARKS.read_text()
    names = [one.name for rows in TOPICS.values() for one in rows]
    assert [name for name in names if f"| {name} |" not in text] == []


def test_a_name_is_used_once_and_each_row_has_a_target() -> None:
    with pytest.raises(TableError, match="two rows have the name a call"):
        check({"one": (row(),), "other": (row(), row("another"))})
    with pytest.raises(TableError, match="no target: a call"):
        check({"one": (row(most=0),)})


@pytest.mark.parametrize(("ours", "verdict"), [(19.9, "ok"), (20, "ok"), (20.1, "missed")])
def test_a_figure_above_the_target_is_missed(ours: float, verdict: str) -> None:
    result = Result.of(row(most=2.0), Figure(ours, 10))
    assert result.verdict == verdict
    assert result.line().count("|") == 8


@pytest.mark.parametrize(("ours", "verdict"), [(5, "ok"), (5.1, "missed")])
def test_where_the_floor_is_short_a_call_that_does_nothing_is_allowed_beside_it(
    ours: float, verdict: str
) -> None:
    figure = Figure(ours, floor=1, allowed=3)
    result = Result.of(row(most=2.0), figure)
    assert (result.verdict, figure.ratio) == (verdict, ours)
    assert "3 ms" in result.reason


def test_the_time_of_processes_that_have_ended_is_counted() -> None:
    """A process that works for a tenth of a second, through a child of its own that ends first."""
    working = "import time\nwhile time.process_time() < 0.1: pass"
    before = used_by_tree(os.getpid())
    through_a_child = (
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {working!r}], check=True)"
    )
    subprocess.run([sys.executable, "-c", through_a_child], check=True)
    assert used_by_tree(os.getpid()) - before >= 0.05
