"""How many recordings start in each span of days, by type, direction and privacy: decision 0056.

Totals of searches over time are sums of these counts (`archive/search/stretches.py`). They are written in the
transaction that adds, removes or changes a recording. It has to lock the account, as all of these do.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    delete,
    func,
    insert,
    literal_column,
    select,
)

from earwitness.archive.database.bulk_insert import insert_many
from earwitness.archive.schema.recordings import recording_counts, recordings
from earwitness.kernel.clock import MS_PER_DAY

SPANS = (1024, 32, 1)
"""The sizes of spans in days, each a multiple of the next. Spans are counted from 1970 on, in UTC."""

KINDS = ("type", "direction", "is_private")
"""The columns of a recording by which it is counted."""


def start_of(days: int, moment_ms: int) -> int:
    """Where the span of this size begins that has a moment."""
    return moment_ms - moment_ms % (days * MS_PER_DAY)


def count_added(connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Count recordings that are added, by their rows."""
    added = Counter((row["started_at"], *(row[kind] for kind in KINDS)) for row in rows)
    spans: Counter[tuple[Any, ...]] = Counter()
    for (started_at, *kind), count in added.items():
        for days in SPANS:
            spans[days, start_of(days, started_at), *kind] += count
    counts = [dict(zip(_COLUMNS, (*span, count), strict=True)) for span, count in spans.items()]
    insert_many(connection, recording_counts, counts, adding="recordings")


def recount(connection: Connection, day: int | None = None) -> None:
    """Count the recordings of a day anew, after some were removed or changed; without a day, all of them.

    `day` is its start in ms.
    """
    here = recording_counts.c
    for days in reversed(SPANS):
        start = None if day is None else start_of(days, day)
        outdated = delete(recording_counts).where(here.days == days)
        connection.execute(outdated if start is None else outdated.where(here.starts_at == start))
        connection.execute(insert(recording_counts).from_select(_COLUMNS, counted(days, start)))


def counted(days: int, only: int | None = None) -> Select[Any]:
    """The statement that counts all spans of a size, or only the one that begins at a moment.

    A day is counted from recordings, a larger span from the counts of smaller ones.
    """
    smaller, source = _SMALLER.get(days), recordings if days == 1 else recording_counts
    moment: ColumnElement[int] = recordings.c.started_at if days == 1 else recording_counts.c.starts_at
    many: ColumnElement[int] = func.count() if days == 1 else func.sum(recording_counts.c.recordings)
    # The size is written out: with parameters, PostgreSQL cannot tell that it groups by what it selects.
    size: ColumnElement[int] = literal_column(str(days * MS_PER_DAY), BigInteger)
    start, kinds = moment - moment % size, [source.c[kind] for kind in KINDS]
    made = select(
        literal_column(str(days)).label("days"), start.label("starts_at"), *kinds, many.label("recordings")
    )
    if smaller is not None:
        made = made.where(recording_counts.c.days == smaller)
    if only is not None:
        made = made.where(moment >= only, moment < only + days * MS_PER_DAY)
    return made.select_from(source).group_by(start, *kinds)


_COLUMNS = [column.name for column in recording_counts.c]
_SMALLER = dict(pairwise(SPANS))
