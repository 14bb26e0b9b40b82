"""The request of recording.search. `filter_conditions.py` turns its filters into SQL.

All filters must be met. One match of an `include` is enough; one match of an `exclude` removes a recording;
an empty list has no effect.
"""

from typing import Annotated, Literal

from msgspec import Meta, field

from earwitness.kernel.wire import Bound, Direction, Id, Ids, Names, Page, PageSize, Wire

TimeOfDay = Annotated[
    str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$(?!\n)", description="A time of day like 09:30")
]


class IdFilter(Wire):
    """Numbers to keep, numbers to leave out."""

    include: Ids | None = None
    exclude: Ids | None = None


class NameFilter(Wire):
    """Names to keep, names to leave out."""

    include: Names | None = None
    exclude: Names | None = None


class DateTimeRange(Wire):
    """Starts from `from` on, before `to`; either end may be missing."""

    from_: Bound | None = field(default=None, name="from")
    to: Bound | None = None


class DurationRange(Wire):
    """Durations from `min` to `max` seconds, both included."""

    min: float | None = None
    max: float | None = None


class TimeRange(Wire):
    """A time of day from `from` on, before `to`, `HH:MM`; past midnight when `to` is the earlier."""

    from_: TimeOfDay = field(name="from")
    to: TimeOfDay


class TimeRanges(Wire):
    """Times of day to keep and to leave out, in a time zone (IANA)."""

    include: Annotated[list[TimeRange], Meta(max_length=100)] | None = None
    exclude: Annotated[list[TimeRange], Meta(max_length=100)] | None = None
    time_zone: str | None = None


class Side(Wire):
    """One side of a communication: any of these endpoints or people."""

    endpoint_ids: Ids | None = None
    person_ids: Ids | None = None


class CommunicationsBetween(Wire):
    """Two different participants, one of each side."""

    first: Side
    second: Side


class RecordingFilters(Wire):
    """Which recordings are meant; every field is optional."""

    recording_ids: IdFilter | None = None
    third_party_ids: NameFilter | None = None
    endpoint_ids: IdFilter | None = None
    person_ids: IdFilter | None = None
    user_ids: IdFilter | None = None
    date_time_range: DateTimeRange | None = None
    duration_range_in_seconds: DurationRange | None = None
    time_ranges: TimeRanges | None = None
    communications_between: CommunicationsBetween | None = None
    free_text: str | None = None
    communication_types: NameFilter | None = None
    direction: Direction | None = None
    tag_ids: IdFilter | None = None
    is_private: bool | None = None
    has_comments: bool | None = None
    legal_hold_id: Id | None = None
    playlist_id: Id | None = None

    def __post_init__(self) -> None:
        """Types are in lower case; clients also send `Phone`."""
        if types := self.communication_types:
            self.communication_types = NameFilter(
                include=_lower(types.include), exclude=_lower(types.exclude)
            )


def _lower(names: list[str] | None) -> list[str] | None:
    return None if names is None else [name.lower() for name in names]


class RecordingSearch(RecordingFilters):
    """Which recordings, in which order, and which page of them."""

    start_time_direction: Literal["ASC", "DESC"] | None = None
    page: Page | None = None
    page_size: PageSize | None = None
    recordings_search_token: str | None = None
