"""Times of a wall clock. When summer time ends, one hour comes twice; when it begins, one hour is skipped.

Python's `zoneinfo` tells the two apart by `fold` (PEP 495). Other facts decide which one is meant: how long
the call was, when its channel was made, and when its file was last written.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import product

_CLOCK_TOLERANCE_MS = 2_000
_WRITTEN_LATE_BY_MS = 60_000
_NEAR_MS = 30 * 60_000
# Asterisk's unique id of a channel: the time when it was made, in seconds since 1970, and a counter.
_UNIQUE_ID = re.compile(r"(?:^|[^0-9])([0-9]{9,10})\.[0-9]+$")


@dataclass(frozen=True, slots=True)
class Span:
    """The start and end of a call, in ms since 1970; None means not known."""

    start: int | None = None
    end: int | None = None


def moments(wall: datetime, zone: tzinfo) -> list[int]:
    """The moments that a wall clock's time may mean, in ms since 1970: two in the hour that comes twice.

    A time in the skipped hour is read as if the clock had not been put forward.
    """
    if wall.tzinfo is None:
        first, second = (wall.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
        read = [first] if is_skipped(wall, zone) else [first, second]
    else:
        read = [wall]
    return sorted({int(one.timestamp() * 1000) for one in read})


def is_skipped(wall: datetime, zone: tzinfo) -> bool:
    """Whether a clock of this zone never shows this time, because it was put forward past it."""
    if wall.tzinfo is not None:
        return False
    before, after = (wall.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    return before is not None and after is not None and before < after


def spans(starts: Sequence[int], ends: Sequence[int]) -> tuple[Span, ...]:
    """All spans of these starts and ends. Those that end before they begin are left out, unless all do."""
    begun: Sequence[int | None] = starts or [None]
    ended: Sequence[int | None] = ends or [None]
    all_ = [Span(start, end) for start, end in product(begun, ended)]
    forward = [one for one in all_ if one.start is None or one.end is None or one.start <= one.end]
    return tuple(forward or all_[:1])


def channel_made_at(unique_id: str | None) -> int | None:
    """When the channel with this unique id was made, in ms since 1970; None if the id does not tell."""
    made = _UNIQUE_ID.search(unique_id or "")
    return int(made[1]) * 1000 if made else None


def settle(possible: Sequence[Span], made_at: int | None, written_at: int) -> tuple[Span, str]:
    """Choose one of the possible spans; also returns the doubt, if any. Times are in ms since 1970.

    No call begins before its channel was made, or after its file was last written. Most calls begin soon
    after the former and end shortly before the latter. The channel's time decides first, because it comes
    from the clock that wrote the call's times.
    """
    clues: list[Callable[[Span], bool]] = [
        lambda one: made_at is None or _started(one) >= made_at - _CLOCK_TOLERANCE_MS,
        lambda one: made_at is None or _started(one) <= made_at + _NEAR_MS,
        lambda one: _started(one) <= written_at + _WRITTEN_LATE_BY_MS,
        lambda one: one.end is None or abs(one.end - written_at) <= _NEAR_MS,
    ]
    left = list(possible)
    for agrees in clues:
        left = [one for one in left if agrees(one)] or left
    if len(left) == 1:
        return left[0], ""
    if 0 <= written_at - _started(left[-1]) <= 2 * _NEAR_MS:
        return left[-1], "this hour came twice that day: the second is taken, as its file was written in it"
    return left[0], "this hour came twice that day, and nothing tells which it was: the first is taken"


def _started(span: Span) -> int:
    return span.start if span.start is not None else span.end or 0
