"""Moments: whole milliseconds since 1970 UTC in the program, RFC 3339 in requests and answers."""

import re
import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache

EARLIEST_MS = 0
LATEST_MS = int(datetime(2200, 1, 1, tzinfo=UTC).timestamp()) * 1000 - 1
MS_PER_DAY = 86_400_000

_MINUTES = [f"T{minute // 60:02}:{minute % 60:02}:" for minute in range(24 * 60)]
_SECONDS = [f"{second:02}." for second in range(60)]
_THOUSANDTHS = [f"{ms:03}Z" for ms in range(1000)]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC3339 = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})"
    r"(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?\s?([Zz]|[+-]\d{2}:?\d{2})?)?",
    re.ASCII,
)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def format_ms(moment_ms: int) -> str:
    """Write a moment as the documentation does: `2026-05-12T10:30:00.000Z`."""
    date, minute = _date(moment_ms // MS_PER_DAY), _MINUTES[moment_ms // 60_000 % 1440]
    return f"{date}{minute}{_SECONDS[moment_ms // 1000 % 60]}{_THOUSANDTHS[moment_ms % 1000]}"


@lru_cache(1024)  # a page has hundreds of moments, on few days
def _date(days: int) -> str:
    return (_EPOCH + timedelta(days)).date().isoformat()


def parse_ms(text: str) -> int:
    """Read RFC 3339, and the other forms that callers send.

    These are a space instead of `T`, no offset (UTC), a date alone (its 00:00), and a leap second (`:60` is
    read as `:59.999`). Digits below a millisecond are cut off. Raises ValueError, saying what was expected.
    """
    match = _RFC3339.fullmatch(text.strip())
    if match is None:
        raise ValueError("expected a time like 2026-05-12T10:30:00.000Z")
    year, month, day = (int(part) for part in match.group(1, 2, 3))
    hour, minute, second = (int(part or 0) for part in match.group(4, 5, 6))
    millisecond = int((match.group(7) or "0")[:3].ljust(3, "0"))
    if second == 60:
        second, millisecond = 59, 999
    try:
        local = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError as error:
        raise ValueError(f"no such time: {error}") from None
    whole_seconds = (local - _EPOCH) // timedelta(seconds=1) - _offset_seconds(match.group(8))
    return whole_seconds * 1000 + millisecond


def _offset_seconds(offset: str | None) -> int:
    if offset is None or offset in "Zz":
        return 0
    hours, minutes = int(offset[1:3]), int(offset[-2:])
    if hours > 23 or minutes > 59:
        raise ValueError("no such offset from UTC")
    seconds = hours * 3600 + minutes * 60
    return -seconds if offset[0] == "-" else seconds
