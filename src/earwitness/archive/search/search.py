"""Searching recordings: the positions of one page, and the exact total. `docs/search.md` explains."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from sqlalchemy import Connection, true

from earwitness.archive.access.viewer import Viewer
from earwitness.archive.access.visibility import is_viewer, private_to_others
from earwitness.archive.database.timeline import Window, newest_committed_id
from earwitness.archive.schema.recordings import recording_endpoints, recordings
from earwitness.archive.search.access_policies import permitted
from earwitness.archive.search.conditions import ColumnCondition, Condition, Conditions, Excluded, Required
from earwitness.archive.search.filter_conditions import SearchContext, conditions_of
from earwitness.archive.search.filters import RecordingFilters, RecordingSearch
from earwitness.archive.search.free_text import TEXT_SETS, parse_free_text
from earwitness.archive.search.plan import COUNTED_AT_MOST, FEW, PageAndTotal, Place, Plan, Slice, size_of
from earwitness.archive.search.position_sets import PositionSet, called
from earwitness.archive.search.postgresql import PostgresqlPlan
from earwitness.archive.search.sqlite import SqlitePlan
from earwitness.archive.search.stretches import stretches_of
from earwitness.archive.spelling.tokens import NEWEST, Reading
from earwitness.archive.text.query import Node
from earwitness.kernel.rights import Right

DEFAULT_PAGE_SIZE = 100

NEWER_AT_MOST = FEW
"""If fewer recordings are newer than a search token, they are counted apart: they lead, so that is quick."""

_COUNTED_AT_FIRST = 100

ALL_AT_ONCE = 50_000
"""So many positions are read at once where all are read, to hold no more than that in memory."""


@dataclass(frozen=True, slots=True)
class FoundPage:
    """What a search found: a page's positions in the order asked for, and the exact total."""

    positions: list[int]
    total: int
    newest_id: int
    """The newest interactionId of the moment in which the search began."""
    query: Node | None
    """freeText as it was parsed."""
    reading: Reading
    """How freeText was read: passages are looked for in the same way."""
    plan: Plan
    place: Place | None
    """From where later pages may be read; None where nothing was found."""
    seconds: dict[str, float]
    """How long the plan, the page and the total took. A total that came with the page is absent."""


@dataclass(frozen=True, slots=True)
class _PinnedPlan:
    """The plan of a search that leaves out what was committed after it began.

    `apart` is the quicker way to its total: that of everything, less that of the few newer recordings.
    """

    plan: Plan
    apart: tuple[Plan, Plan] | None = None

    def total(self, connection: Connection) -> int:
        if self.apart is None:
            return self.plan.total(connection)
        everything, newer = self.apart
        return everything.total(connection) - newer.total(connection)


def search(
    connection: Connection,
    asked: RecordingSearch,
    viewer: Viewer,
    newest_id: int | None = None,
    place: Place | None = None,
) -> FoundPage:
    """Find a page of what the viewer may see; `newest_id` leaves out what was committed after it.

    A page beyond `place` is read from there. Raises BadRequest, naming the filter, for an impossible value.
    """
    seconds: dict[str, float] = {}
    with _timed(seconds, "plan"):
        free_text = parse_free_text(connection, viewer, asked.free_text)
        everything = _plan(SearchContext(connection, viewer, free_text), asked)
        pinned = _PinnedPlan(everything) if newest_id is None else _pin(connection, everything, newest_id)
    size = asked.page_size or DEFAULT_PAGE_SIZE
    first = ((asked.page or 1) - 1) * size
    if place is not None and place.passed > first:
        place = None
    slice_ = Slice(asked.start_time_direction == "ASC", first, size, place)
    found = _find(connection, pinned, slice_, seconds)
    if newest_id is None:
        newest_id = newest_committed_id(connection) if found.newest_id is None else found.newest_id
    page = found.positions
    return FoundPage(
        positions=page,
        total=found.total,
        newest_id=newest_id,
        query=free_text.query if free_text else None,
        reading=free_text.searched.index.reading if free_text else NEWEST,
        plan=pinned.plan,
        place=Place(first + len(page), page[-1]) if page else place,
        seconds=seconds,
    )


def positions_of(
    connection: Connection,
    asked: RecordingFilters,
    viewer: Viewer,
    newest_id: int | None = None,
    at_once: int = ALL_AT_ONCE,
) -> Iterator[list[int]]:
    """All positions that a search finds, whatever its page, in ascending order and some at once.

    Raises BadRequest as `search` does, before the first are given.
    """
    free_text = parse_free_text(connection, viewer, asked.free_text)
    everything = _plan(SearchContext(connection, viewer, free_text), asked)
    plan = (_PinnedPlan(everything) if newest_id is None else _pin(connection, everything, newest_id)).plan
    return _in_parts(connection, plan, at_once)


def _in_parts(connection: Connection, plan: Plan, at_once: int) -> Iterator[list[int]]:
    if (few := plan.all_if_few(connection)) is not None:
        few.sort()
        yield from (few[first : first + at_once] for first in range(0, len(few), at_once))
        return
    place: Place | None = None
    while True:
        passed = place.passed if place else 0
        part = plan.page(connection, Slice(ascending=True, first=passed, size=at_once, place=place))
        if part:
            yield part
        if len(part) < at_once:
            return
        place = Place(passed + len(part), part[-1])


def _find(
    connection: Connection, pinned: _PinnedPlan, slice_: Slice, seconds: dict[str, float]
) -> PageAndTotal:
    plan = pinned.plan
    with _timed(seconds, "page"):
        if (few := plan.all_if_few(connection)) is not None:
            return PageAndTotal(_sliced(few, slice_), len(few))
        if (found := plan.page_and_total(connection, slice_)) is not None:
            return found
    total = None
    if plan.counts_first:
        with _timed(seconds, "total"):
            total = pinned.total(connection)
    page: list[int] = []
    if total is None or slice_.first < total or slice_.place is not None:
        with _timed(seconds, "page"):
            page = plan.page(connection, slice_, total)
    is_last = len(page) < slice_.size and slice_.place is None and (page or slice_.first == 0)
    if total is None and is_last:
        total = slice_.first + len(page)
    if total is None:
        with _timed(seconds, "total"):
            total = pinned.total(connection)
    return PageAndTotal(page, total)


@contextmanager
def _timed(seconds: dict[str, float], part: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    seconds[part] = seconds.get(part, 0.0) + time.perf_counter() - began


def _pin(connection: Connection, everything: Plan, newest_id: int) -> _PinnedPlan:
    """Leave out what was committed after a recording: mostly nothing, or few of all recordings."""
    table = called("newer", recordings)
    newer = PositionSet("newer", table, table.c.position, table.c.interaction_id > newest_id, repeats=False)
    size = size_of(connection, newer, Window(), NEWER_AT_MOST)
    if not size:
        return _PinnedPlan(everything)
    committed = ColumnCondition("recordingsSearchToken", recordings.c.interaction_id <= newest_id)
    older = replace(everything, columns=(*everything.columns, committed))
    is_small = size < NEWER_AT_MOST
    apart = everything, everything.led_by(newer, size if is_small else None)
    return _PinnedPlan(older, apart if is_small or everything.is_summed else None)


def _sliced(few: list[int], slice_: Slice) -> list[int]:
    """The page, of all positions that there are."""
    few = sorted(few, reverse=not slice_.ascending)
    if slice_.place is not None:
        at = slice_.place.position
        few = [position for position in few if position != at and (position > at) == slice_.ascending]
    return few[slice_.offset : slice_.offset + slice_.size]


def _plan(context: SearchContext, asked: RecordingFilters) -> Plan:
    filtered = list(conditions_of(context, asked))
    window = Conditions.of(filtered).window
    conditions = Conditions.of([*_allowed(context, window), *filtered, *_not_private(context.viewer)])
    connection = context.connection
    required = conditions.required
    is_sqlite = connection.dialect.name == "sqlite"
    if is_sqlite and len(required) + len(conditions.excluded) > 1:
        sizes = _sizes(connection, required, window)
    else:
        sizes = [one.at_most for one in required]  # a single set leads; PostgreSQL has statistics
    ranked = sorted(
        zip(required, sizes, strict=True), key=lambda pair: COUNTED_AT_MOST if pair[1] is None else pair[1]
    )
    leader, leader_size = ranked[0] if ranked else (None, None)
    checks = tuple(one for one, _ in ranked[1:])
    # The last set is counted apart first. Words come last, since their index counts them quickly.
    excluded = tuple(sorted(conditions.excluded, key=lambda one: one.name in TEXT_SETS))
    plan = SqlitePlan if is_sqlite else PostgresqlPlan
    stretches = () if leader else stretches_of(window)
    return plan(window, leader, leader_size, checks, excluded, conditions.columns, stretches)


def _allowed(context: SearchContext, window: Window) -> Iterator[Condition]:
    """The conditions of the viewer's access policies."""
    required, columns = permitted(context.connection, context.viewer, window)
    yield from map(Required, required)
    yield from columns


def _not_private(viewer: Viewer) -> Iterator[Condition]:
    """The condition that a recording is not private to others."""
    if not viewer.may(Right.RECORDING_PRIVATE_VIEW):
        parts, table = recording_endpoints, called("private", recordings)
        own = PositionSet("takesPart", parts, parts.c.position, is_viewer(viewer), repeats=True)
        yield Excluded(
            PositionSet(
                "private",
                table,
                table.c.position,
                private_to_others(viewer, table),
                repeats=False,
                all_but=(recordings.c.is_private == true(), own),
            )
        )


def _sizes(connection: Connection, sets: Sequence[PositionSet], window: Window) -> list[int | None]:
    """How many positions each set has in the window, counted no further than is needed to find the smallest.

    None for those after one that is very small, since it will lead.
    """
    limit = _COUNTED_AT_FIRST
    while True:
        sizes: list[int] = []
        for one in sets:
            sizes.append(size_of(connection, one, window, limit))
            if sizes[-1] < _COUNTED_AT_FIRST:
                return [*sizes, *[None] * (len(sets) - len(sizes))]
        if limit >= COUNTED_AT_MOST or any(size < limit for size in sizes):
            return [*sizes]
        limit *= 10
