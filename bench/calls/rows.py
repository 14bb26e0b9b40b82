"""What a row of the table is: a call, its floor, how both are measured, and its target."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bench.calls.site import Site

Unit = Literal["ms of processor", "ms", "ms waited", "statements"]

State = Literal["serving", "stopped", "serving without jobs"]
"""What the server does while a row is measured. The rows of a state are measured together, in this order."""

Work = Callable[[Site], object]
"""Does something once, by a call or by hand."""


class NotOffered(Exception):
    """This version has no such call. The text names it."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What a call took and what its floor took, in the same unit."""

    ours: float
    floor: float
    allowed: float = 0.0
    """What it may take beside the target: where the floor is short, as much as a call that does nothing."""

    @property
    def ratio(self) -> float:
        return self.ours / self.floor

    def meets(self, most: float) -> bool:
        """Whether the call took at most so many times its floor, and what is allowed beside it."""
        return self.ours <= most * self.floor + self.allowed


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement. `most` is the target: the highest ratio that is met."""

    name: str
    unit: Unit
    floor: str
    most: float
    measure: Callable[[Site], Figure]
    state: State = "serving"
