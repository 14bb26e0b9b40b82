"""The plan of a search on PostgreSQL, whose planner chooses how sets are combined.

It cannot estimate how rare a word is, so plans that are led by words find and count in ways of their own.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

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
    union_all,
)

from earwitness.archive.database.timeline import NEWEST_COMMITTED_ID, newest_committed_id
from earwitness.archive.search.plan import FIRST, HOW_MANY, SIZE, PageAndTotal, Plan, Slice, count_of

FETCHED_AT_MOST = 10_000
"""So many matches are fetched, counted and cut into a page by one statement; more are searched otherwise."""

_MOST = bindparam("most", type_=BigInteger)


@dataclass(frozen=True, slots=True)
class PostgresqlPlan(Plan):
    """Every set is one condition of one query: `IN` a set that the planner may hash, or `EXISTS`."""

    def positions(self, *, counting: bool) -> Select[Any]:
        leader = self.leader
        if leader is None:
            query = self.from_timeline(counting=counting)
        else:
            once = leader.once if counting else None
            query = self.from_leader(leader, leader.condition if once is None else once)
            # When they are counted, `count` counts each once.
            query = query.distinct() if leader.repeats and not counting else query
        position = query.selected_columns[0]
        looked_up = [one for one in self.checks if self.is_sparse or one.is_looked_up]
        compared = [one for one in self.checks if not (self.is_sparse or one.is_looked_up)]
        query = query.where(*(one.holds(position) for one in looked_up))
        query = query.where(*(position.in_(one.positions(self.window)) for one in compared))
        return query.where(*(~one.holds(position) for one in self.excluded))

    def count(self) -> Select[Any]:
        positions = self.positions(counting=True)
        leader = self.leader
        if leader is not None and leader.repeats and leader.once is None:
            found = positions.subquery()  # quicker than DISTINCT inside
            return select(func.count(found.c[0].distinct()))
        return count_of(positions)

    @property
    def counts_excluded_apart(self) -> bool:
        return self.few_are_excluded

    @property
    def counts_first(self) -> bool:
        """For words, the total decides how the page is found."""
        return self.leader is None or self._is_led_by_words

    @property
    def is_one_statement(self) -> bool:
        return self.is_prepared and not self._is_led_by_words

    def page_and_total(self, connection: Connection, slice_: Slice) -> PageAndTotal | None:
        if self._is_fetched:
            found = self._fetched(connection, slice_)
            if found is not None:
                return found
        return Plan.page_and_total(self, connection, slice_)

    def in_order(
        self, connection: Connection, slice_: Slice, total: int | None
    ) -> Select[Any] | CompoundSelect[Any]:
        last = slice_.first + slice_.size
        if total is not None and self._sorts_all(connection, total, last):
            # The planner does not rewrite a subquery that has an offset.
            return select(self.positions(counting=False).offset(0).subquery().c[0])
        if self.leader is None or len(self.leader.branches) < 2:
            return self.positions(counting=False)
        branches = (replace(self, leader=branch) for branch in self.leader.branches)
        return union_all(
            *(branch.positions(counting=False).order_by(slice_.order).limit(last) for branch in branches)
        )

    @property
    def _is_led_by_words(self) -> bool:
        return self.leader is not None and (self.leader.once is not None or self.leader.branches != ())

    def _sorts_all(self, connection: Connection, total: int, last: int) -> bool:
        """Whether finding and sorting all is quicker than looking for the first in order.

        The planner would look for the few matches of a rare word through the whole timeline.
        """
        return self._is_led_by_words and total * total <= last * newest_committed_id(connection)

    @property
    def _is_fetched(self) -> bool:
        """Whether all matches are fetched if they are few: of a word or phrase, and of several sets."""
        if self.leader is None or self.leader_size is not None:
            return False
        return self.leader.once is not None or bool(self.checks and not self._is_led_by_words)

    def _fetched(self, connection: Connection, slice_: Slice) -> PageAndTotal | None:
        """The page and the total of all matches, unless there are many."""
        if self.is_prepared and slice_.place is None:
            statement, parameters = self.prepared(_page_of_fetched, slice_.order), self.parameters
        else:
            statement, parameters = _page_of_fetched(self, slice_.order, slice_.beyond), {}
        parameters |= {**slice_.parameters, "most": FETCHED_AT_MOST}
        fetched, positions, total, newest_id = connection.execute(statement, parameters).one()
        return PageAndTotal(positions, total, newest_id) if fetched < FETCHED_AT_MOST else None


def _page_of_fetched(
    plan: PostgresqlPlan,
    order: TextClause,
    beyond: Callable[[Any], Iterable[ColumnElement[bool]]] = lambda _: (),
) -> Select[Any]:
    """How many matches were fetched, and of these the page, the total, and the newest id."""
    leader = plan.leader
    repeats = False
    if leader is not None and leader.once is not None:
        repeats = True  # a second part of a document may match too; duplicates are removed below
        plan = replace(plan, leader=replace(leader, repeats=False))
    found = plan.positions(counting=False).cte("found").prefix_with("MATERIALIZED")
    # The limit stands outside, or the planner would look for a rare word through the whole timeline.
    some = select(found.c[0].label("position")).limit(_MOST).cte("some")
    position = some.c.position.distinct() if repeats else some.c.position
    page = select(position).where(*beyond(some.c.position)).order_by(order).limit(SIZE).offset(FIRST)
    told = (HOW_MANY, func.array(page.scalar_subquery()), func.count(position), NEWEST_COMMITTED_ID)
    return select(*told).select_from(some)
