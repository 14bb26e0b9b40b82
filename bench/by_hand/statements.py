"""Statements by hand that are the same on both databases, and what those of both are made of.

They use what is known about the archive: the viewer may see everything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.queries import QUERIES
from earwitness.archive.database.timeline import first_position
from earwitness.kernel.clock import parse_ms


@dataclass(frozen=True, slots=True)
class ByHand:
    """For each search, statements that select the positions that it finds, and others that count them.

    Those that count are quicker than counting what is selected.
    """

    found: Mapping[str, Sequence[str]]
    counted: Mapping[str, Sequence[str]]


def positions(table: str, *conditions: str, distinct: bool = False) -> str:
    """Select the positions of a table's rows."""
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT {'DISTINCT ' if distinct else ''}position FROM {table}{where}"


def _window(name: str) -> tuple[int, int]:
    given = QUERIES[name]["dateTimeRange"]
    return parse_ms(given["from"]), parse_ms(given["to"])


def within(column: str, name: str) -> str:
    """The condition that a column of moments, or of positions, is in the window of a search."""
    start, end = _window(name)
    if column != "started_at" and column != "starts_at":
        start, end = first_position(start), first_position(end)
    return f"{column} >= {start} AND {column} < {end}"


def _by_time(name: str, *conditions: str) -> Sequence[str]:
    return tuple(
        positions("recordings", within(column, name), *conditions) for column in ("started_at", "position")
    )


def _summed(*conditions: str, days: int = 1) -> Sequence[str]:
    where = " AND ".join((f"days = {days}", *conditions))
    return (f"SELECT sum(recordings) FROM recording_counts WHERE {where}",)


FACTS = "direction = 'In' AND type = 'phone'"
BUSY, SECOND, QUIET = "endpoint_id = 1", "endpoint_id = 2", "endpoint_id = 3000"
IN_LONDON = (
    # The clocks of London change at 01:00 UTC.
    "(started_at + CASE WHEN started_at < 1711846800000 THEN 0 WHEN started_at < 1729990800000 THEN 3600000"
    " WHEN started_at < 1743296400000 THEN 0 WHEN started_at < 1761440400000 THEN 3600000"
    " WHEN started_at < 1774746000000 THEN 0 WHEN started_at < 1792890000000 THEN 3600000 ELSE 0 END)"
    " % 86400000 / 3600000 = 12"
)
_YEAR = "a third of the archive"

FOUND: dict[str, Sequence[str]] = {
    "one day": _by_time("one day"),
    "a third of the archive": _by_time(_YEAR),
    "everything": (positions("recordings"),),
    "calls in of a year": _by_time(_YEAR, FACTS),
    "busy endpoint": (
        positions("recording_endpoints", BUSY, distinct=True),
        "SELECT r.position FROM recordings r WHERE EXISTS"
        f" (SELECT 1 FROM recording_endpoints e WHERE e.position = r.position AND {BUSY})",
    ),
    "all but the busiest": (
        f"{positions('recordings')} EXCEPT {positions('recording_endpoints', BUSY)}",
        "SELECT r.position FROM recordings r WHERE NOT EXISTS"
        f" (SELECT 1 FROM recording_endpoints e WHERE e.position = r.position AND {BUSY})",
    ),
    "tag": (positions("recording_tags", "tag_id = 1"),),
    "lunchtime in London": (positions("recordings", IN_LONDON),),
    "between two": (
        "SELECT DISTINCT a.position FROM recording_endpoints a JOIN recording_endpoints b USING (position)"
        " WHERE a.endpoint_id = 1 AND b.endpoint_id = 2 AND a.ordinal <> b.ordinal",
        f"{positions('recording_endpoints', BUSY)} INTERSECT {positions('recording_endpoints', SECOND)}",
        f"{positions('recording_endpoints', SECOND, distinct=True)} AND position IN"
        f" ({positions('recording_endpoints', BUSY)})",
    ),
    "page far back": (positions("recordings"),),
}
_EVERYTHING = _summed(days=1024)
_OF_BUSY = f"SELECT count(DISTINCT position) FROM recording_endpoints WHERE {BUSY}"


def less(counting: str) -> str:
    """Count everything but what a statement counts."""
    return f"SELECT ({_EVERYTHING[0]}) - ({counting})"


COUNTED: dict[str, Sequence[str]] = {
    "one day": _summed(within("starts_at", "one day")),
    "a third of the archive": _summed(within("starts_at", _YEAR)),
    "everything": _EVERYTHING,
    "page far back": _EVERYTHING,
    "calls in of a year": _summed(within("starts_at", _YEAR), FACTS),
    "busy endpoint": (_OF_BUSY,),
    "all but the busiest": (less(_OF_BUSY),),
}


def ids_of(asked: Mapping[str, Any]) -> str:
    """The ids of a search that lists them, with commas."""
    return ",".join(map(str, asked["recordingIds"]["include"]))
