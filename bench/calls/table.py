"""All rows: one for each measurement. To add one, add it to `ROWS` of the file of its topic."""

from bench.calls.rows import Row
from bench.calls.topics import audit, holds, ingest, keys, people, retention, starting

TOPICS: dict[str, tuple[Row, ...]] = {
    "people": people.ROWS,
    "audit": audit.ROWS,
    "holds": holds.ROWS,
    "retention": retention.ROWS,
    "ingest": ingest.ROWS,
    "start": starting.ROWS,
    "keys": keys.ROWS,
}


class TableError(Exception):
    """Two rows have the same name, or a row has no positive target."""


def check(topics: dict[str, tuple[Row, ...]]) -> None:
    """Raise TableError where the table is wrong."""
    rows = [row for each in topics.values() for row in each]
    names = [row.name for row in rows]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise TableError(f"two rows have the name {', '.join(twice)}")
    if without := [row.name for row in rows if row.most <= 0]:
        raise TableError(f"no target: {', '.join(without)}")


check(TOPICS)
