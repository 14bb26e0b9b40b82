"""The plan of a search on SQLite, which merges sorted sets: decision 0010."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import CompoundSelect, Select, except_, intersect

from earwitness.archive.search import plan
from earwitness.archive.search.plan import ASCENDING, Plan, count_of
from earwitness.archive.search.position_sets import PositionSet


@dataclass(frozen=True, slots=True)
class SqlitePlan(Plan):
    """Large sets are read side by side in the order of positions; small ones are looked up one by one."""

    def positions(self, *, counting: bool) -> Select[Any] | CompoundSelect[Any]:
        leader = self.leader
        if leader is None:
            query = self.from_timeline(counting=counting)
        else:
            query = self.from_leader(leader, leader.condition)
            query = query.distinct() if leader.repeats else query
        position = query.selected_columns[0]
        merged = [one for one in self.checks if not (self.is_sparse or one.is_looked_up)]
        left_out = [one for one in self.excluded if self._is_merged(one, counting)]
        query = query.where(*(one.holds(position) for one in self.checks if not _is_among(one, merged)))
        query = query.where(*(~one.holds(position) for one in self.excluded if not _is_among(one, left_out)))
        if left_out:
            return except_(query, *(one.positions(self.window) for one in left_out))
        if merged:
            return intersect(query, *(one.positions(self.window) for one in merged))
        return query

    def _is_merged(self, excluded: PositionSet, counting: bool) -> bool:
        """Whether a set is subtracted by merging. For a page it is mostly looked up: a page is soon full."""
        if self.is_sparse or self.checks:
            return False
        is_large = self.leader_size is None or self.leader_size >= plan.COUNTED_AT_MOST
        return excluded.walked or (counting and is_large)

    def everything(self) -> Select[Any] | CompoundSelect[Any]:
        positions = self.positions(counting=False)
        # Without an order SQLite does not merge.
        return positions.order_by(ASCENDING) if isinstance(positions, CompoundSelect) else positions

    def count(self) -> Select[Any]:
        positions = self.positions(counting=True)
        if isinstance(positions, CompoundSelect):
            # Without a limit SQLite drops the order, and does not merge.
            positions = positions.order_by(ASCENDING).limit(-1)
        return count_of(positions)

    @property
    def counts_excluded_apart(self) -> bool:
        """A leader alone is merged with what is excluded; a statement cannot both join and exclude."""
        return self.few_are_excluded and (self.leader is None or bool(self.checks))


def _is_among(one: PositionSet, sets: list[PositionSet]) -> bool:
    return any(one is other for other in sets)
