"""What the figures of a benchmark have to reach. A figure that misses its aim makes the benchmark fail."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Aims:
    """The greatest ratio of each figure to its floor."""

    of_each: float
    others: Mapping[str, float]
    """The aims of figures that have another one."""

    def missed(self, ratios: Mapping[str, float]) -> list[str]:
        """A line for each figure that misses its aim. Raises KeyError for an aim without a figure."""
        aims = dict.fromkeys(ratios, self.of_each) | dict(self.others)
        return [f"{name}: {ratios[name]}, aim {aim}" for name, aim in aims.items() if ratios[name] > aim]


def end(missed: list[str]) -> None:
    """Name the aims that were missed, and end the program with 1 if there are any."""
    for line in missed:
        print(f"MISSED {line}")
    if missed:
        sys.exit(1)
