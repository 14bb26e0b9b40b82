"""The table of a run: what clients saw during each fault, how long recovery took, and what was lost."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.faults.outcomes import BROKEN, BUSY, FAILED, OK, REFUSED, SILENT, Outcome


@dataclass(slots=True)
class Row:
    """One fault: seconds and counts. None stands for what did not happen before the time was up."""

    name: str
    title: str
    began: float
    counts: dict[str, int]
    longest: float
    longest_ready: float
    taken_after: float | None
    """From the start of the fault until any target acknowledged a recording."""
    whole_after: float | None
    """From the repair until every target acknowledged a recording."""
    jobs_after: float | None
    """From the repair until a job was done."""
    where: str
    acknowledged: int = 0
    repeated: int = 0
    lost: int = 0
    doubled: int = 0
    stuck: int = 0
    failures: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


_HEADINGS = (
    "broken",
    "requests",
    "2xx",
    "503",
    "other 5xx",
    "4xx",
    "no connection",
    "no answer",
    "longest wait",
    "longest `/readyz`",
    "taken in again",
    "at every server after mending",
    "jobs after mending",
    "acknowledged",
    "lost, doubled, stuck",
    "failed",
)


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table, with times in seconds."""
    lines = [_HEADINGS, ("---",) * len(_HEADINGS)]
    lines += [_cells(row) for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cells(row: Row) -> tuple[str, ...]:
    kinds = ("all", OK, BUSY, FAILED, REFUSED, BROKEN, SILENT)
    counts = [f"{row.counts[kind]:,}" for kind in kinds]
    times = (row.longest, row.longest_ready, row.taken_after, row.whole_after, row.jobs_after)
    seconds = ["never" if one is None else f"{one:.1f}" for one in times]
    ends = f"{row.lost}, {row.doubled}, {row.stuck}"
    return (row.title, *counts, *seconds, f"{row.acknowledged:,}", ends, row.where)


def failures(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """How often each failure happened, such as `ingested at server-2: 503`."""
    counts = Counter(f"{one.call} at {one.target}: {one.detail}" for one in outcomes if one.kind != OK)
    return dict(counts.most_common())
