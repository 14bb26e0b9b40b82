"""Times of day in a time zone, as SQL: the zone's rules come from Python, alike for both databases."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, and_, case, func, literal, not_, or_, select

from earwitness.archive.schema.recordings import recordings
from earwitness.archive.search.filters import TimeRange, TimeRanges
from earwitness.kernel.clock import MS_PER_DAY
from earwitness.kernel.errors import BadRequest, Fault

_HOUR_MS = 3_600_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Each by itself is found at an end of the index; asked together, SQLite reads the whole of it.
_EARLIEST_AND_LATEST = select(
    select(func.min(recordings.c.started_at)).scalar_subquery(),
    select(func.max(recordings.c.started_at)).scalar_subquery(),
)


def time_conditions(connection: Connection, wanted: TimeRanges | None) -> Iterator[ColumnElement[bool]]:
    """The conditions on `recordings` that a start's time of day lies in, or outside, these ranges.

    Raises BadRequest for an unknown zone and for a range of equal ends.
    """
    if wanted is None:
        return
    zone = _zone("UTC" if wanted.time_zone is None else wanted.time_zone)
    ranges = {name: _checked(name, getattr(wanted, name) or []) for name in ("include", "exclude")}
    earliest, latest = connection.execute(_EARLIEST_AND_LATEST).one()
    if earliest is None:
        return
    minute = _local_minute(zone, earliest, latest)
    if ranges["include"]:
        yield or_(*(_within(minute, one) for one in ranges["include"]))
    if ranges["exclude"]:
        yield not_(or_(*(_within(minute, one) for one in ranges["exclude"])))


def _zone(name: str) -> ZoneInfo:
    # Beside IANA's zones lie files of other kinds: this machine's own, and those that count leap seconds.
    if name != "localtime" and not name.startswith(("posix", "right/")):
        with suppress(KeyError, ValueError, OSError):
            return ZoneInfo(name)
    raise BadRequest.of(Fault("timeRanges.timeZone", "expected an IANA time zone, such as Europe/London"))


def _checked(name: str, ranges: Sequence[TimeRange]) -> Sequence[TimeRange]:
    faults = [
        Fault(f"timeRanges.{name}[{index}]", "from and to are equal")
        for index, one in enumerate(ranges)
        if one.from_ == one.to
    ]
    if faults:
        raise BadRequest.of(*faults)
    return ranges


def _within(minute: ColumnElement[int], wanted: TimeRange) -> ColumnElement[bool]:
    start, end = _minutes(wanted.from_), _minutes(wanted.to)
    if start < end:
        return and_(minute >= start, minute < end)
    return or_(minute >= start, minute < end)


def _minutes(time_of_day: str) -> int:
    hours, _, minutes = time_of_day.partition(":")
    return int(hours) * 60 + int(minutes)


def _local_minute(zone: ZoneInfo, earliest: int, latest: int) -> ColumnElement[int]:
    """The minute of the day, by the zone's offset at each start: one branch for each change of offset."""
    changes = list(_offsets(zone, earliest, latest))
    started = recordings.c.started_at
    offset: ColumnElement[int] = literal(changes[-1][1])
    if len(changes) > 1:
        later = zip(changes[1:], changes, strict=False)
        offset = case(*((started < moment, before[1]) for (moment, _), before in later), else_=changes[-1][1])
    # A second day keeps the sum positive west of Greenwich: % follows the sign of its left side.
    return ((started + offset + MS_PER_DAY) % MS_PER_DAY) // 60_000


def _offsets(zone: ZoneInfo, earliest: int, latest: int) -> Iterator[tuple[int, int]]:
    """When each offset from UTC begins, and what it is, in milliseconds, from `earliest` to `latest`."""
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
