"""How many calls this machine refused for each limit in the last days, in a file that all its servers write.

    refusals/counts.json     by day (UTC) and code: how many, and the first and the last moment (ms)
    refusals/lock            locked by the process that writes

A server writes what it counted at most once a minute, and nothing if it refused nothing.
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from earwitness.kernel.clock import MS_PER_DAY, format_ms, now_ms
from earwitness.media.stores.durable import locked, room, write_file

KEPT_DAYS = 7


class Counted(msgspec.Struct, frozen=True, array_like=True):
    """How often something was refused, and the first and the last time, in ms."""

    count: int
    first_at: int
    last_at: int

    def __add__(self, other: "Counted") -> "Counted":
        first, last = min(self.first_at, other.first_at), max(self.last_at, other.last_at)
        return Counted(self.count + other.count, first, last)


Counts = Mapping[str, Counted]
_Days = dict[str, dict[str, Counted]]
_decode = msgspec.json.Decoder(_Days).decode


def add(data: Path, new: Counts) -> None:
    """Add counts, by code, and forget old days. A damaged file is replaced. Raises OSError, StorageFull."""
    folder = data / "refusals"
    with room(), locked(folder / "lock"):
        try:
            days = _recent(folder)
        except ValueError:
            days = {}
        for code, counted in new.items():
            day = days.setdefault(_day_of(counted.last_at), {})
            day[code] = day[code] + counted if code in day else counted
        write_file(folder / "counts.json", msgspec.json.encode(days))


def read(data: Path) -> dict[str, Counted]:
    """What was refused in the last days, by code. Raises OSError, and ValueError for a damaged file."""
    summed: dict[str, Counted] = {}
    for day in _recent(data / "refusals").values():
        for code, counted in day.items():
            summed[code] = summed[code] + counted if code in summed else counted
    return summed


def _recent(folder: Path) -> _Days:
    try:
        days = _decode((folder / "counts.json").read_bytes())
    except FileNotFoundError:
        return {}
    oldest = _day_of(now_ms() - (KEPT_DAYS - 1) * MS_PER_DAY)
    return {day: counts for day, counts in days.items() if day >= oldest}


def _day_of(at: int) -> str:
    return format_ms(at)[:10]
