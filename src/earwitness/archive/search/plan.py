"""The plan of a search: what leads, what checks, what is left out, and the statements that come of it.

`docs/search.md` explains.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Connection,
    Select,
    TextClause,
    bindparam,
    except_,
    func,
    intersect,
    select,
    text,
    union_all,
)

from earwitness.archive.database.timeline import NEWEST_COMMITTED_ID, Window, newest_committed_id
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.search.column_filters import Fact
from earwitness.archive.search.linked_filters import Link

FEW = 2_000
"""So many documents are read to look for words, one by one; more are compared with the index of words."""

COUNTED_AT_MOST = 10_000
"""A set that has more is large, however many more: large ones are compared, and not looked up one by one."""

_WHOLE_AT_MOST = 10_000
_COUNTED_APART_AT_MOST = 3
_HOW_MANY = func.count()
_ASCENDING, _DESCENDING = text("1"), text("1 DESC")


def count_of(positions: Select[Any] | CompoundSelect[Any]) -> Select[int]:
    """The statement that counts what another finds."""
    return select(_HOW_MANY).select_from(positions.subquery())


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended: so many recordings were passed, and the last of them lies at this position."""

    passed: int
    position: int


@dataclass(frozen=True, slots=True)
class Cut:
    """Which page: so many positions from the `first` on, in an order; from a place on if there is one."""

    ascending: bool
    first: int
    size: int
    place: Place | None = None

    @property
    def order(self) -> TextClause:
        return _ASCENDING if self.ascending else _DESCENDING

    @property
    def parameters(self) -> dict[str, int]:
        return {"first": self.onward, "size": self.size}

    @property
    def onward(self) -> int:
        """How many positions to pass over from the place on."""
        return self.first if self.place is None else self.first - self.place.passed

    def beyond(self, position: ColumnElement[int]) -> Iterator[ColumnElement[bool]]:
        """The condition that a position lies beyond the place, if there is one."""
        if self.place is not None:
            at = self.place.position
            yield position > at if self.ascending else position < at


@dataclass(frozen=True, slots=True)
class Plan:
    """How a search is answered: what leads, what checks, and what is left out."""

    window: Window
    leader: Link | None
    leader_size: int | None
    checks: tuple[Link, ...]
    without: tuple[Link, ...]
    facts: tuple[Fact, ...] = field(repr=False)
    merges: bool
    """Whether the database walks several sets side by side in order (SQLite), or hashes them."""

    def led_by(self, link: Link, size: int) -> "Plan":
        """The same where a link must hold, too, which is known to be small."""
        checks = self.checks if self.leader is None else (self.leader, *self.checks)
        return replace(self, leader=link, leader_size=size, checks=checks)

    def total(self, connection: Connection) -> int:
        """How many there are. A set that is left out of many is counted apart and taken off."""
        if self._counts_apart:
            *others, left_out = self.without
            everything = replace(self, without=tuple(others))
            if self.leader is None:
                apart = replace(everything, leader=left_out)
            else:
                apart = replace(everything, checks=(*self.checks, left_out))
            return everything.total(connection) - apart.total(connection)
        if self._is_prepared:
            return connection.scalar(self._prepared(_count), self._parameters) or 0
        return connection.scalar(_count(self)) or 0

    def few(self, connection: Connection) -> list[int] | None:
        """All positions, in any order, where they are few or somebody named them one by one; else None."""
        leader = self.leader
        if leader is None or not (self.is_sparse or leader.at_most is not None):
            return None
        positions = self._positions(counting=False)
        if isinstance(positions, CompoundSelect):
            positions = positions.order_by(_ASCENDING)  # walked side by side
        return list(connection.scalars(positions).all())

    def whole(self, connection: Connection, cut: Cut) -> tuple[list[int], int, int] | None:
        """A page, the total and the newest interactionId, where PostgreSQL must find all, and it is not much.

        So it is of a word or phrase, since it does not know how rare that is, and of several links.
        """
        leader = self.leader
        if self.merges or leader is None or self.leader_size is not None:
            return None
        if leader.once is None and (self._is_of_words or not self.checks):
            return None
        if self._is_prepared and cut.place is None:
            statement, parameters = self._prepared(_whole_of, cut.order), self._parameters
        else:
            statement, parameters = _whole_of(self, cut.order, cut.beyond), {}
        parameters |= {**cut.parameters, "most": _WHOLE_AT_MOST}
        seen, positions, total, newest_id = connection.execute(statement, parameters).one()
        return (positions, total, newest_id) if seen < _WHOLE_AT_MOST else None

    @property
    def _counts_apart(self) -> bool:
        if not self.without or len(self.without) > _COUNTED_APART_AT_MOST:
            return False
        return self.leader is None or not self.merges or bool(self.checks)

    def page(self, connection: Connection, cut: Cut, total: int | None = None) -> list[int]:
        """The positions of a page, in order; `total` is how many there are in all, where that is known."""
        if cut.place is not None:
            window = replace(self.window, **{"after" if cut.ascending else "before": cut.place.position})
            onward = replace(cut, first=cut.onward, place=None)
            return replace(self, window=window).page(connection, onward, total)
        if self.opens_at_once:
            statement = self._prepared(_page_of, cut.order)
            return list(connection.scalars(statement, self._parameters | cut.parameters))
        wanted = cut.first + cut.size
        positions: Select[Any] | CompoundSelect[Any]
        if total is not None and self._sorts_all(connection, total, wanted):
            # A subquery with an offset is answered by itself.
            positions = select(self._positions(counting=False).offset(0).subquery().c[0])
        else:
            positions = self._in_order(cut.order, wanted)
        return list(connection.scalars(positions.order_by(cut.order).limit(cut.size).offset(cut.first)))

    def opening(self, connection: Connection, cut: Cut) -> tuple[list[int], int, int | None]:
        """The first page, how many there are, and the newest interactionId, by one statement.

        Only of a plan that `opens_at_once`. The newest id is told where anything is found.
        """
        statement = self._prepared(_opening_of, cut.order)
        rows = connection.execute(statement, self._parameters | cut.parameters).all()
        _, total, newest_id = rows[0] if rows else (None, 0, None)
        return [position for position, _, _ in rows], total, newest_id

    def _in_order(self, order: TextClause, wanted: int) -> Select[Any] | CompoundSelect[Any]:
        """So many of the first positions, or more, in order; where the leader is not, of its branches."""
        if self.leader is None or len(self.leader.branches) < 2:
            return self._positions(counting=False)
        branches = (replace(self, leader=branch) for branch in self.leader.branches)
        return union_all(
            *(branch._positions(counting=False).order_by(order).limit(wanted) for branch in branches)
        )

    def _sorts_all(self, connection: Connection, total: int, wanted: int) -> bool:
        """Whether to find all that there are is quicker than to look for as many as are wanted in order.

        PostgreSQL does not know how rare a word is, and would look for the few of one through everything.
        """
        return self._is_of_words and total * total <= wanted * newest_committed_id(connection)

    @property
    def _counts_distinct(self) -> bool:
        """Whether what occurs twice is told apart while it is counted: PostgreSQL's quicker way."""
        leader = self.leader
        return not self.merges and leader is not None and leader.repeats and leader.once is None

    @property
    def _is_of_words(self) -> bool:
        return self.leader is not None and (self.leader.once is not None or self.leader.branches != ())

    @property
    def _is_prepared(self) -> bool:
        """Whether its statements are made once: those of the timeline, or of one link, and nothing else."""
        if self.facts or self.checks or self.without:
            return False
        return self.leader is None or self.leader.prepared is not None

    @property
    def opens_at_once(self) -> bool:
        """Whether a first page and the total are soon found by one statement: not of a word on PostgreSQL."""
        return self._is_prepared and not self._is_of_words

    @property
    def _parameters(self) -> dict[str, Any]:
        leader = self.leader
        named = {} if leader is None or leader.prepared is None else {leader.name: leader.prepared.parameter}
        return self.window.bounds | named

    def _prepared(self, make: Callable[..., Select[Any]], *order: TextClause) -> Select[Any]:
        """The statement that `make` makes of such a plan, with parameters by these names."""
        leader, names = self.leader, tuple(self._parameters)
        shape = self.merges, None if leader is None else leader.name, names, make, *order
        if shape not in _MADE:
            bounds: dict[str, Any] = {name: bindparam(name, type_=BigInteger) for name in self.window.bounds}
            if leader is not None and leader.prepared is not None:
                leader = replace(leader, condition=leader.prepared.condition, once=leader.prepared.once)
            _MADE[shape] = make(replace(self, window=Window(**bounds), leader=leader), *order)
        return _MADE[shape]

    @property
    def is_sparse(self) -> bool:
        """Whether so few positions lead that each is looked up in the other links.

        In an index that is quick; of words the document is read.
        """
        reads = any(link.walked for link in (*self.checks, *self.without))
        return self.leader_size is not None and self.leader_size < (FEW if reads else COUNTED_AT_MOST)

    @property
    def counts_first(self) -> bool:
        """Whether, of what is not few, the total tells how to look for the page, or that there is none.

        Else a page that is not full tells the total.
        """
        return self.leader is None or self._is_of_words

    def _positions(self, *, counting: bool) -> Select[Any] | CompoundSelect[Any]:
        leader = self.leader
        conditions = [fact.condition for fact in self.facts]
        if leader is None:
            position: ColumnElement[int] = recordings.c.position
            # Totals read the index of facts, which goes by start; pages walk the positions themselves.
            bounds = self.window.on_start(recordings.c.started_at) if counting else self.window.on(position)
            query = select(position).where(*bounds, *conditions)
        else:
            position = leader.column
            query = select(position).select_from(leader.source)
            if conditions:
                query = query.join(recordings, recordings.c.position == position).where(*conditions)
            once = leader.once if counting else None
            query = query.where(leader.condition if once is None else once, *self.window.on(position))
            is_distinct = leader.repeats and once is None and not (counting and self._counts_distinct)
            query = query.distinct() if is_distinct else query
        compared = [link for link in self.checks if not (self.is_sparse or link.is_looked_up)]
        query = query.where(*(link.holds(position) for link in self.checks if link not in compared))
        if not self.merges:
            query = query.where(*(position.in_(link.positions(self.window)) for link in compared))
        # What is left out is mostly not there: looking it up place by place, a page soon is full.
        merged = [link for link in self.without if self._is_merged(link, counting)]
        query = query.where(*(~link.holds(position) for link in self.without if link not in merged))
        if merged:
            return except_(query, *(link.positions(self.window) for link in merged))
        if compared and self.merges:
            return intersect(query, *(link.positions(self.window) for link in compared))
        return query

    def _is_merged(self, link: Link, counting: bool) -> bool:
        """Whether what a link leaves out is walked beside the rest, and not looked up."""
        if not self.merges or self.is_sparse or self.checks:
            return False
        is_large = self.leader_size is None or self.leader_size >= COUNTED_AT_MOST
        return link.walked or (counting and is_large)


_MADE: dict[tuple[Any, ...], Select[Any]] = {}
"""By the database, what leads, the names of the parameters, what makes it, and the order."""


def _count(plan: Plan) -> Select[Any]:
    positions = plan._positions(counting=True)
    if plan._counts_distinct:
        found = positions.subquery()
        return select(func.count(found.c[0].distinct()))
    if isinstance(positions, CompoundSelect):
        # Without a limit SQLite drops the order, and with it the walk side by side.
        positions = positions.order_by(_ASCENDING).limit(-1)
    return count_of(positions)


_SIZE, _FIRST, _MOST = (bindparam(name, type_=BigInteger) for name in ("size", "first", "most"))


def _page_of(plan: Plan, order: TextClause) -> Select[Any]:
    page: Any = plan._positions(counting=False)
    made: Select[Any] = page.order_by(order).limit(_SIZE).offset(_FIRST)
    return made


def _opening_of(plan: Plan, order: TextClause) -> Select[Any]:
    return _page_of(plan, order).add_columns(_count(plan).scalar_subquery(), NEWEST_COMMITTED_ID)


def _whole_of(
    plan: Plan, order: TextClause, beyond: Callable[[Any], Iterable[ColumnElement[bool]]] = lambda _: ()
) -> Select[Any]:
    """How many are seen, up to what is too much, and the page of them, the total, and the newest id."""
    leader = plan.leader
    is_said = False
    if leader is not None and leader.once is not None:
        is_said = True  # what a second part of a text says again is sorted out below
        plan = replace(plan, leader=replace(leader, repeats=False))
    found = plan._positions(counting=False).cte("found").prefix_with("MATERIALIZED")
    # The limit is said from outside, or the few of a rare word would be looked for through everything.
    some = select(found.c[0].label("position")).limit(_MOST).cte("some")
    position = some.c.position.distinct() if is_said else some.c.position
    page = select(position).where(*beyond(some.c.position)).order_by(order).limit(_SIZE).offset(_FIRST)
    told = (_HOW_MANY, func.array(page.scalar_subquery()), func.count(position), NEWEST_COMMITTED_ID)
    return select(*told).select_from(some)
