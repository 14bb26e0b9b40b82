"""Totals over time, summed from the counts of spans of days: `archive/recordings/counts.py` writes these.

A window is cut into stretches: as few spans of days as fill it, and what is left at its ends, where
recordings are counted one by one. So totals are exact, and cost the same in an archive of any size.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import BigInteger, ColumnClause, ColumnElement, Select, bindparam, cast, func, select
from sqlalchemy.sql.visitors import iterate, replacement_traverse

from earwitness.archive.database.timeline import Window
from earwitness.archive.recordings.counts import KINDS, SPANS
from earwitness.archive.schema.recordings import recording_counts, recordings
from earwitness.archive.search.conditions import ColumnCondition
from earwitness.kernel.clock import MS_PER_DAY

_COUNTED_BY = {recordings.c[kind]: recording_counts.c[kind] for kind in KINDS}


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a window: from one moment on, before another, in milliseconds. Either may be missing."""

    days: int | None
    """The size of the spans that fill it; None where its recordings are counted one by one."""
    start_ms: int | None
    end_ms: int | None

    def within(self, moment: ColumnElement[int]) -> Iterator[ColumnElement[bool]]:
        """The conditions that a moment lies in it."""
        if self.start_ms is not None:
            yield moment >= self.start_ms
        if self.end_ms is not None:
            yield moment < self.end_ms

    def total(self, conditions: Sequence[ColumnElement[bool]]) -> Select[Any]:
        """The statement that counts its recordings that meet conditions, on `recordings`."""
        if self.days is None:
            starts = self.within(recordings.c.started_at)
            return select(func.count()).select_from(recordings).where(*starts, *conditions)
        here = recording_counts.c
        spans = (here.days == self.days, *self.within(here.starts_at), *map(_on_counts, conditions))
        # PostgreSQL's sums of bigint are numeric.
        return select(cast(func.coalesce(func.sum(here.recordings), 0), BigInteger)).where(*spans)


def stretches_of(window: Window) -> tuple[Stretch, ...]:
    """Cut a window into stretches."""
    return tuple(_cut(window.start_ms, window.end_ms, SPANS))


def _cut(start: int | None, end: int | None, spans: Sequence[int]) -> Iterator[Stretch]:
    if not spans:
        yield Stretch(None, start, end)
        return
    days, smaller = spans[0], spans[1:]
    size = days * MS_PER_DAY
    first = None if start is None else -(-start // size) * size
    last = None if end is None else end // size * size
    if first is not None and last is not None and first >= last:  # it has no room for such a span
        yield from _cut(start, end, smaller)
        return
    if start != first:
        yield from _cut(start, first, smaller)
    yield Stretch(days, first, last)
    if end != last:
        yield from _cut(last, end, smaller)


def are_counted(columns: Sequence[ColumnCondition]) -> bool:
    """Whether conditions read only the columns by which recordings are counted."""
    read = (one for column in columns for one in iterate(column.condition) if isinstance(one, ColumnClause))
    return all(column in _COUNTED_BY for column in read)


def sum_of(stretches: Sequence[Stretch], columns: Sequence[ColumnCondition]) -> Select[Any]:
    """The statement that tells how many recordings the stretches have."""
    conditions = [one.condition for one in columns]
    first, *others = (stretch.total(conditions) for stretch in stretches)
    if not others:
        return first
    total: ColumnElement[int] = first.scalar_subquery()
    for other in others:
        total += other.scalar_subquery()
    return select(total)


def bounds_of(stretches: Sequence[Stretch]) -> dict[str, int]:
    """The bounds that are set, by names that tell how the window was cut."""
    return {name: getattr(stretches[at], end) for name, at, end in _named(stretches)}


def with_parameters(stretches: Sequence[Stretch]) -> tuple[Stretch, ...]:
    """The same stretches with a parameter in place of each bound."""
    named = list(stretches)
    for name, at, end in _named(stretches):
        parameter: dict[str, Any] = {end: bindparam(name, type_=BigInteger)}
        named[at] = replace(named[at], **parameter)
    return tuple(named)


def _named(stretches: Sequence[Stretch]) -> Iterator[tuple[str, int, str]]:
    """The name of each bound that is set, and where it is."""
    for at, stretch in enumerate(stretches):
        for end in ("start_ms", "end_ms"):
            if getattr(stretch, end) is not None:
                yield f"{end}_{at}_of_{stretch.days}", at, end


def _on_counts(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """A condition on `recordings` as one on the counts."""
    return replacement_traverse(condition, {}, lambda element, **_: _COUNTED_BY.get(element))
