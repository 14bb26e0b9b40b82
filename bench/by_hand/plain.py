"""What both databases are asked in the same way: the plain searches, and the pieces of the others."""

from collections.abc import Sequence
from typing import Any

from bench.queries import QUERIES
from earwitness.archive.database.timeline import first_position
from earwitness.kernel.clock import parse_ms

Statements = dict[str, Sequence[str]]
"""For each search, several statements that find the same."""

NEWEST = "SELECT max(interaction_id) FROM recordings"
IDS = "(ids of the archive)"
"""Stands for ids, which depend on the size of the archive."""


def _within(column: str, filters: dict[str, Any]) -> str:
    start, end = (parse_ms(filters["dateTimeRange"][name]) for name in ("from", "to"))
    if column == "position":
        start, end = first_position(start), first_position(end)
    return f"{column} >= {start} AND {column} < {end}"


_DAY, ON_DAY = (_within(column, QUERIES["one day"]) for column in ("started_at", "position"))
_YEAR, _ON_YEAR = (
    _within(column, QUERIES["a third of the archive"]) for column in ("started_at", "position")
)
_FACTS = "direction = 'In' AND type = 'phone'"
BUSY, QUIET = "endpoint_id = 1", "endpoint_id = 3000"
_SECOND = "endpoint_id = 2"

AT_LUNCH_BY_ARITHMETIC = (
    # The clocks of London change at 01:00 UTC.
    "(started_at + CASE WHEN started_at < 1711846800000 THEN 0 WHEN started_at < 1729990800000 THEN 3600000"
    " WHEN started_at < 1743296400000 THEN 0 WHEN started_at < 1761440400000 THEN 3600000"
    " WHEN started_at < 1774746000000 THEN 0 WHEN started_at < 1792890000000 THEN 3600000 ELSE 0 END)"
    " % 86400000 / 3600000 = 12"
)


def positions(table: str, *conditions: str, distinct: bool = False) -> str:
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT {'DISTINCT ' if distinct else ''}position FROM {table}{where}"


PLAIN: Statements = {
    "one day": (positions("recordings", _DAY), positions("recordings", ON_DAY)),
    "a third of the archive": (positions("recordings", _YEAR), positions("recordings", _ON_YEAR)),
    "everything": (positions("recordings"),),
    "calls in of a year": (
        positions("recordings", _YEAR, _FACTS),
        positions("recordings", _ON_YEAR, _FACTS),
    ),
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
    "between two": (
        "SELECT DISTINCT a.position FROM recording_endpoints a JOIN recording_endpoints b USING (position)"
        " WHERE a.endpoint_id = 1 AND b.endpoint_id = 2 AND a.ordinal <> b.ordinal",
        f"{positions('recording_endpoints', BUSY)} INTERSECT {positions('recording_endpoints', _SECOND)}",
        f"{positions('recording_endpoints', _SECOND, distinct=True)} AND position IN"
        f" ({positions('recording_endpoints', BUSY)})",
    ),
    "a page far back": (positions("recordings"),),
}

PLAIN_TOTALS: Statements = {
    "all but the busiest": (
        "SELECT (SELECT count(*) FROM recordings) - (SELECT count(DISTINCT position)"
        f" FROM recording_endpoints WHERE {BUSY})",
    ),
    "busy endpoint": (f"SELECT count(DISTINCT position) FROM recording_endpoints WHERE {BUSY}",),
}
"""Statements for totals that are quicker than counting the selected positions."""
