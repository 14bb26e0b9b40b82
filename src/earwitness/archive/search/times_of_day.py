"""Times of day in a time zone, as SQL. The rules of the zone come from Python, so both databases agree."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, case, func, literal, not_, or_, select

from earwitness.archive.schema.recordings import recordings
from earwitness.archive.search.filters import TimeRange, TimeRanges
from earwitness.kernel.clock import MS_PER_DAY
from earwitness.kernel.errors import BadRequest, Fault

_HOUR_MS = 3_600_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Two subqueries: each reads one end of the index. With min and max in one, SQLite reads the whole index.
_EARLIEST_AND_LATEST = select(
    select(func.min(recordings.c.started_at)).scalar_subquery(),
    select(func.max(recordings.c.started_at)).scalar_subquery(),
)


def time_conditions(connection: Connection, asked: TimeRanges) -> Iterator[ColumnElement[bool]]:
    """The conditions that the time of day of a recording's start is in, or outside, these ranges.

    Raises BadRequest for an unknown zone and for a range of equal ends.
    """
    zone = zone_of("UTC" if asked.time_zone is None else asked.time_zone, "timeRanges.timeZone")
    ranges = {name: _checked(name, getattr(asked, name) or []) for name in ("include", "exclude")}
    earliest, latest = connection.execute(_EARLIEST_AND_LATEST).one()
    if earliest is None:
        return
    minute = _local_minute(zone, earliest, latest)
    if ranges["include"]:
        yield or_(*(_within(minute, one) for one in ranges["include"]))
    if ranges["exclude"]:
        yield not_(or_(*(_within(minute, one) for one in ranges["exclude"])))


def zone_of(name: str, field: str) -> ZoneInfo:
    """The time zone of a name. Raises BadRequest, naming the field that has it."""
    # The folder of IANA's zones has others too: this machine's own zone, and zones that count leap seconds.
    if name != "localtime" and not name.startswith(("posix", "right/")):
        with suppress(KeyError, ValueError, OSError):
            return ZoneInfo(name)
    raise BadRequest.of(Fault(field, "expected an IANA time zone, such as Europe/London"))


def _checked(name: str, ranges: Sequence[TimeRange]) -> Sequence[TimeRange]:
    faults = [
        Fault(f"timeRanges.{name}[{index}]", "from and to are equal")
        for index, one in enumerate(ranges)
        if one.from_ == one.to
    ]
    if faults:
        raise BadRequest.of(*faults)
    return ranges


def _within(minute: ColumnElement[int], asked: TimeRange) -> ColumnElement[bool]:
    start, end = _minutes(asked.from_), _minutes(asked.to)
    if start < end:
        return minute.between(start, end - 1)  # SQLite works the minute out once
    return or_(minute >= start, minute < end)


def _minutes(time_of_day: str) -> int:
    hours, _, minutes = time_of_day.partition(":")
    return int(hours) * 60 + int(minutes)


def _local_minute(zone: ZoneInfo, earliest: int, latest: int) -> ColumnElement[int]:
    """The minute of the day of a start in a zone: a CASE with a branch for each change of its offset."""
    changes = list(_offsets(zone, earliest, latest))
    started = recordings.c.started_at
    offset: ColumnElement[int] = literal(changes[-1][1])
    if len(changes) > 1:
        later = zip(changes[1:], changes, strict=False)
        offset = case(*((started < moment, before[1]) for (moment, _), before in later), else_=changes[-1][1])
    # The added day keeps the sum positive west of Greenwich, since % takes the sign of its left side.
    return ((started + offset + MS_PER_DAY) % MS_PER_DAY) // 60_000


def _offsets(zone: ZoneInfo, earliest: int, latest: int) -> Iterator[tuple[int, int]]:
    """The moments at which the offset from UTC changes between two moments, and the new offset, in ms."""
    current = _offset(zone, earliest)
    yield earliest, current
    at = earliest
    while at <= latest:
        ahead = at + 24 * _HOUR_MS
        if _offset(zone, ahead) != current:
            low, high = at, ahead
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if _offset(zone, middle) == current else (low, middle)
            current = _offset(zone, high)
            yield high, current
            at = high
        else:
            at = ahead


def _offset(zone: ZoneInfo, moment_ms: int) -> int:
    offset = (_EPOCH + timedelta(milliseconds=moment_ms)).astimezone(zone).utcoffset()
    return 0 if offset is None else offset // timedelta(milliseconds=1)
