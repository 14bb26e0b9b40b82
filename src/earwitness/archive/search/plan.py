"""How a search is answered: what leads, what checks, what is left out. `docs/search.md` explains.

This is what the plans of both databases share. `sqlite.py` and `postgresql.py` have the rest.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Self

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Connection,
    Select,
    TextClause,
    bindparam,
    func,
    select,
    text,
)

from earwitness.archive.database.timeline import NEWEST_COMMITTED_ID, Window
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.search.conditions import ColumnCondition
from earwitness.archive.search.position_sets import PositionSet
from earwitness.archive.search.stretches import Stretch, are_counted, bounds_of, sum_of, with_parameters

FEW = 2_000
"""A leader with fewer positions has each document read to look for words; with more, the index is merged."""

COUNTED_AT_MOST = 10_000
"""A set with this many positions is large, and is counted no further. Large sets are merged or hashed."""

_EXCLUSIONS_COUNTED_APART_AT_MOST = 3

ASCENDING, DESCENDING = text("1"), text("1 DESC")
SIZE, FIRST = (bindparam(name, type_=BigInteger) for name in ("size", "first"))
HOW_MANY = func.count()


def count_of(positions: Select[Any] | CompoundSelect[Any]) -> Select[int]:
    """The statement that counts what another finds."""
    return select(HOW_MANY).select_from(positions.subquery())


def size_of(connection: Connection, counted: PositionSet, window: Window, limit: int) -> int:
    """How many positions a set has in a window, counted no further than a limit."""
    if counted.at_most is not None and counted.at_most < limit:
        return counted.at_most
    return connection.scalar(count_of(counted.positions(window).limit(limit))) or 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended: how many recordings came up to there, and the position of the last of them."""

    passed: int
    position: int


@dataclass(frozen=True, slots=True)
class Slice:
    """Which page of the results: `size` positions from the `first` on, counted from 0, in an order."""

    ascending: bool
    first: int
    size: int
    place: Place | None = None
    """Where an earlier page ended, to read on from there."""

    @property
    def order(self) -> TextClause:
        return ASCENDING if self.ascending else DESCENDING

    @property
    def offset(self) -> int:
        """How many positions to skip: from the place on, if there is one."""
        return self.first if self.place is None else self.first - self.place.passed

    @property
    def parameters(self) -> dict[str, int]:
        return {"first": self.offset, "size": self.size}

    def beyond(self, position: ColumnElement[int]) -> Iterator[ColumnElement[bool]]:
        """The condition that a position lies beyond the place, if there is one."""
        if self.place is not None:
            at = self.place.position
            yield position > at if self.ascending else position < at


@dataclass(frozen=True, slots=True)
class PageAndTotal:
    """The positions of a page, how many there are in all, and the newest interactionId where it is known."""

    positions: list[int]
    total: int
    newest_id: int | None = None


@dataclass(frozen=True, slots=True)
class Plan(ABC):
    """How a search is answered."""

    window: Window
    leader: PositionSet | None
    """The set whose positions are read in order; None for the timeline itself."""
    leader_size: int | None
    """How many positions it has in the window, up to COUNTED_AT_MOST; None where that is not known."""
    checks: tuple[PositionSet, ...]
    """The sets in which a position of the leader must be."""
    excluded: tuple[PositionSet, ...]
    columns: tuple[ColumnCondition, ...] = field(repr=False)
    stretches: tuple[Stretch, ...] = field(default=(), repr=False)
    """The stretches of the window, whose totals are summed where the timeline leads."""

    def led_by(self, other: PositionSet, size: int | None) -> Self:
        """The same with one more required set as the leader."""
        checks = self.checks if self.leader is None else (self.leader, *self.checks)
        return replace(self, leader=other, leader_size=size, checks=checks)

    # What `search.py` asks for

    @property
    def counts_first(self) -> bool:
        """Whether to count before the page is found. Else a page that is not full tells the total."""
        return self.leader is None

    def all_if_few(self, connection: Connection) -> list[int] | None:
        """All positions, in no order, where they are few or the request names them one by one; else None."""
        if self.leader is None or not (self.is_sparse or self.leader.at_most is not None):
            return None
        return list(connection.scalars(self.everything()).all())

    def page_and_total(self, connection: Connection, slice_: Slice) -> PageAndTotal | None:
        """A page and the total by one statement, where that is quick; else None."""
        if not self.is_one_statement or slice_.first:
            return None
        statement = self.prepared(_first_page_and_total, slice_.order)
        rows = connection.execute(statement, self.parameters | slice_.parameters).all()
        _, total, newest_id = rows[0] if rows else (None, 0, None)
        return PageAndTotal([position for position, _, _ in rows], total, newest_id)

    def total(self, connection: Connection) -> int:
        """How many there are. What is excluded from a large set is counted and subtracted, |A| − |A ∩ B|."""
        if self.excluded and self.counts_excluded_apart:
            *others, left_out = self.excluded
            everything = replace(self, excluded=tuple(others))
            total = everything.total(connection)
            return total - everything.total_in(connection, left_out, at_most=total)
        if self.is_prepared:
            return connection.scalar(self.prepared(_total), self.parameters) or 0
        return connection.scalar(_total(self)) or 0

    def total_in(self, connection: Connection, other: PositionSet, at_most: int) -> int:
        """How many of them, which are `at_most`, are in another set."""
        if self.leader is not None:
            return replace(self, checks=(*self.checks, other)).total(connection)
        if other.all_but is not None and at_most >= COUNTED_AT_MOST:
            of_kind, rest = other.all_but
            kind = replace(self, columns=(*self.columns, ColumnCondition(other.name, of_kind)))
            if kind.is_summed:
                most = kind.total(connection)
                few = size_of(connection, rest, self.window, limit=most)
                if few < most:  # else it is quicker to look at the recordings of the kind
                    return most - kind.led_by(rest, few).total(connection)
        return replace(self, leader=other).total(connection)

    def page(self, connection: Connection, slice_: Slice, total: int | None = None) -> list[int]:
        """The positions of a page, in order. `total` is how many there are in all, where that is known."""
        if slice_.place is not None:
            end = "after" if slice_.ascending else "before"
            beyond = replace(self, window=replace(self.window, **{end: slice_.place.position}))
            return beyond.page(connection, replace(slice_, first=slice_.offset, place=None), total)
        if self.is_one_statement:
            statement = self.prepared(_page, slice_.order)
            return list(connection.scalars(statement, self.parameters | slice_.parameters))
        found = self.in_order(connection, slice_, total).order_by(slice_.order)
        return list(connection.scalars(found.limit(slice_.size).offset(slice_.first)))

    # What each database does in its own way

    @abstractmethod
    def positions(self, *, counting: bool) -> Select[Any] | CompoundSelect[Any]:
        """The statement that selects all positions, to be counted or to be read in order."""

    @abstractmethod
    def count(self) -> Select[Any]:
        """The statement that counts them."""

    @property
    @abstractmethod
    def counts_excluded_apart(self) -> bool: ...

    def everything(self) -> Select[Any] | CompoundSelect[Any]:
        """The statement that finds all positions where they are few."""
        return self.positions(counting=False)

    def in_order(
        self, connection: Connection, slice_: Slice, total: int | None
    ) -> Select[Any] | CompoundSelect[Any]:
        """The statement that finds positions up to the end of a page, or more."""
        return self.positions(counting=False)

    @property
    def is_one_statement(self) -> bool:
        """Whether a first page and the total are found quickly by one statement."""
        return self.is_prepared

    # What both databases use

    @property
    def is_sparse(self) -> bool:
        """Whether the leader has so few positions that each is looked up in the other sets.

        That is quick in an index; for words on SQLite the document is read.
        """
        reads = any(one.walked for one in (*self.checks, *self.excluded))
        return self.leader_size is not None and self.leader_size < (FEW if reads else COUNTED_AT_MOST)

    @property
    def is_summed(self) -> bool:
        """Whether the total is a sum of what is counted for spans of days."""
        is_timeline = self.leader is None and not self.excluded
        return is_timeline and bool(self.stretches) and are_counted(self.columns)

    @property
    def few_are_excluded(self) -> bool:
        """Whether there are so few exclusions that they can be counted apart: each doubles the counts."""
        return len(self.excluded) <= _EXCLUSIONS_COUNTED_APART_AT_MOST

    def from_timeline(self, *, counting: bool) -> Select[Any]:
        """Select the positions of the window, where there is no leader."""
        position = recordings.c.position
        # Totals read the index `recordings_facts`, which is ordered by start; pages read the positions.
        bounds = self.window.on_start(recordings.c.started_at) if counting else self.window.on(position)
        return select(position).where(*bounds, *(one.condition for one in self.columns))

    def from_leader(self, leader: PositionSet, condition: ColumnElement[bool]) -> Select[Any]:
        """Select the positions of the leader, by its condition or an equivalent one."""
        position = leader.column
        query = select(position).select_from(leader.source)
        if self.columns:
            query = query.join(recordings, recordings.c.position == position)
            query = query.where(*(one.condition for one in self.columns))
        return query.where(condition, *self.window.on(position))

    # Statements that are built once

    @property
    def is_prepared(self) -> bool:
        """Whether its statements are built once: those of the timeline alone, or of one set alone."""
        if self.columns or self.checks or self.excluded:
            return False
        return self.leader is None or self.leader.prepared is not None

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of such a statement."""
        leader = self.leader
        named = {} if leader is None or leader.prepared is None else {leader.name: leader.prepared.value}
        return self.window.bounds | bounds_of(self.stretches) | named

    def prepared(self, build: "Callable[..., Select[Any]]", *order: TextClause) -> Select[Any]:
        """The statement that `build` makes of a plan of this shape, with a parameter for each value."""
        leader, names = self.leader, tuple(self.parameters)
        shape = type(self), None if leader is None else leader.name, names, build, *order
        if shape not in _BUILT:
            bounds: dict[str, Any] = {name: bindparam(name, type_=BigInteger) for name in self.window.bounds}
            if leader is not None and leader.prepared is not None:
                leader = replace(leader, condition=leader.prepared.condition, once=leader.prepared.once)
            cut = with_parameters(self.stretches)
            _BUILT[shape] = build(
                replace(self, window=Window(**bounds), leader=leader, stretches=cut), *order
            )
        return _BUILT[shape]


_BUILT: dict[tuple[Any, ...], Select[Any]] = {}
"""Statements by database, leader, names of the parameters, the function that builds them, and order."""


def _total(plan: Plan) -> Select[Any]:
    return sum_of(plan.stretches, plan.columns) if plan.is_summed else plan.count()


def _page(plan: Plan, order: TextClause) -> Select[Any]:
    page: Any = plan.positions(counting=False)
    built: Select[Any] = page.order_by(order).limit(SIZE).offset(FIRST)
    return built


def _first_page_and_total(plan: Plan, order: TextClause) -> Select[Any]:
    return _page(plan, order).add_columns(_total(plan).scalar_subquery(), NEWEST_COMMITTED_ID)
