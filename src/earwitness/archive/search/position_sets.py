"""Sets of positions: where an id, a word or an access policy finds recordings.

One set leads a search: its index gives its positions in the order of time. The others check what it finds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, Table, bindparam, exists, select
from sqlalchemy.sql.selectable import NamedFromClause

from earwitness.archive.database.in_list import among
from earwitness.archive.database.timeline import Window
from earwitness.archive.schema.recordings import recording_endpoints, recordings


@dataclass(frozen=True, slots=True)
class Prepared:
    """The condition of a set with a parameter in place of its value. The parameter has the set's name.

    A statement with such a condition is built once and kept: building it takes longer than most take to run.
    """

    condition: ColumnElement[bool]
    value: Any
    once: ColumnElement[bool] | None = None


@dataclass(frozen=True, slots=True)
class PositionSet:
    """The positions, `column`, of the rows of `source` for which `condition` holds."""

    name: str
    source: FromClause
    column: ColumnElement[int]
    condition: ColumnElement[bool]
    repeats: bool
    """Whether a position may occur more than once."""
    walked: bool = False
    """Whether it is quick to read in order, but slow to look up one position: FTS5."""
    holding: Callable[[ColumnElement[int]], ColumnElement[bool]] | None = None
    """The condition that a known position is in the set, where there is a quicker one than `condition`."""
    once: ColumnElement[bool] | None = None
    """A condition with which no position repeats, where that is quicker than to remove duplicates."""
    branches: "tuple[PositionSet, ...]" = ()
    """Disjoint parts of the set. Each may be read in order where the whole set cannot."""
    all_but: "tuple[ColumnElement[bool], PositionSet] | None" = None
    """The same as all recordings of a kind, a condition on `recordings`, that are not in another set."""
    prepared: Prepared | None = None
    at_most: int | None = None
    """The greatest number of positions that it can have, where that is known without counting."""

    @property
    def is_looked_up(self) -> bool:
        """Whether it is always looked up by position: it has no order in which large sets can be merged."""
        return self.holding is not None and not self.walked

    def positions(self, window: Window) -> Select[Any]:
        """The statement that selects its positions within a window."""
        condition = self.condition if self.once is None else self.once
        return select(self.column).select_from(self.source).where(condition, *window.on(self.column))

    def holds(self, position: ColumnElement[int]) -> ColumnElement[bool]:
        """The condition that a position of the surrounding query is in the set."""
        if self.holding is not None:
            return self.holding(position)
        inner = select(1).select_from(self.source).where(self.condition, self.column == position)
        return exists(inner.correlate_except(self.source))


@cache  # an alias copies every column, and is the same for every request
def called(name: str, table: Table) -> NamedFromClause:
    """A table under the name of the filter that reads it, so that several filters can read one table."""
    return table.alias(name)


def linked(name: str, links: Table, key: str, values: Sequence[int]) -> PositionSet:
    """The recordings that a table links to one of these values."""
    table = called(name, links)
    repeats = links is recording_endpoints or len(values) > 1
    prepared = Prepared(prepared_condition(name, table, key, "="), values[0]) if len(values) == 1 else None
    return PositionSet(
        name, table, table.c.position, one_of(table.c[key], values), repeats, prepared=prepared
    )


def identified(name: str, key: str, values: Sequence[Any]) -> PositionSet:
    """The recordings whose own column, which is unique, has one of these values."""
    table = called(name, recordings)
    return PositionSet(
        name, table, table.c.position, one_of(table.c[key], values), False, at_most=len(values)
    )


def one_of(column: ColumnElement[Any], values: Sequence[Any]) -> ColumnElement[bool]:
    """The condition that a column has one of these values."""
    # A single value keeps the index's order of positions; a list would have to be sorted.
    return column == values[0] if len(values) == 1 else among(column, values)


@cache
def prepared_condition(name: str, table: NamedFromClause, key: str, operator: str) -> ColumnElement[bool]:
    """The condition that a column compares to a parameter, which is named after the set."""
    column = table.c[key]
    return column.bool_op(operator)(bindparam(name, type_=column.type))
