"""The conditions that a search puts on recordings. Filters and access policies are turned into these."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self, TypeAlias

from sqlalchemy import ColumnElement

from earwitness.archive.database.timeline import Window
from earwitness.archive.search.position_sets import PositionSet


@dataclass(frozen=True, slots=True)
class Required:
    """A recording must be in this set."""

    positions: PositionSet

    @property
    def name(self) -> str:
        return self.positions.name


@dataclass(frozen=True, slots=True)
class Excluded:
    """A recording must not be in this set."""

    positions: PositionSet

    @property
    def name(self) -> str:
        return self.positions.name


@dataclass(frozen=True, slots=True)
class ColumnCondition:
    """A condition on the recording's own row, and the filter or access policy that makes it."""

    name: str
    condition: ColumnElement[bool]


Condition: TypeAlias = Window | Required | Excluded | ColumnCondition
"""A window is the range of the timeline in which a recording must start."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """All conditions of a search, by their kind."""

    window: Window
    required: tuple[PositionSet, ...]
    excluded: tuple[PositionSet, ...]
    columns: tuple[ColumnCondition, ...]

    @classmethod
    def of(cls, conditions: Iterable[Condition]) -> Self:
        every = list(conditions)
        return cls(
            next((one for one in every if isinstance(one, Window)), Window()),
            tuple(one.positions for one in every if isinstance(one, Required)),
            tuple(one.positions for one in every if isinstance(one, Excluded)),
            tuple(one for one in every if isinstance(one, ColumnCondition)),
        )
