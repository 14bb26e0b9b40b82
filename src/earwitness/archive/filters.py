"""The filters of recording.search, and what each of them means in SQL.

Filters combine with AND. Within one `include` any matches; an `exclude` removes any match; an empty list
is no constraint.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from msgspec import Meta, field
from sqlalchemy import (
    Column,
    ColumnElement,
    Select,
    Table,
    and_,
    exists,
    false,
    not_,
    or_,
    select,
    true,
)

from earwitness.archive.among import among
from earwitness.archive.schema.people import users
from earwitness.archive.schema.recordings import (
    comments,
    legal_hold_recordings,
    legal_holds,
    playlist_recordings,
    playlists,
    recording_endpoints,
    recording_tags,
    recordings,
)
from earwitness.archive.timeline import first_position
from earwitness.archive.viewer import Viewer
from earwitness.kernel.errors import BadRequest, Fault
from earwitness.kernel.rights import Right
from earwitness.kernel.wire import Id, Ids, Moment, Names, Page, PageSize, Wire

Seconds = Annotated[float, Meta(ge=0, le=315_576_000)]
TimeOfDay = Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


class IdFilter(Wire):
    """Numbers to keep, numbers to leave out."""

    include: Ids | None = None
    exclude: Ids | None = None


class NameFilter(Wire):
    """Words to keep, words to leave out."""

    include: Names | None = None
    exclude: Names | None = None


class DateTimeRange(Wire):
    """Starts from `from` on, before `to`; either end may be missing."""

    from_: Moment | None = field(default=None, name="from")
    to: Moment | None = None


class DurationRange(Wire):
    """Durations from `min` to `max` seconds, both included."""

    min: Seconds | None = None
    max: Seconds | None = None


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
    direction: Literal["In", "Out"] | None = None
    tag_ids: IdFilter | None = None
    is_private: bool | None = None
    has_comments: bool | None = None
    legal_hold_id: Id | None = None
    playlist_id: Id | None = None


class RecordingSearch(RecordingFilters):
    """Which recordings, in which order, and which page of them."""

    start_time_direction: Literal["ASC", "DESC"] | None = None
    page: Page | None = None
    page_size: PageSize | None = None
    recordings_search_token: str | None = None


def conditions(filters: RecordingFilters, viewer: Viewer) -> Iterator[ColumnElement[bool]]:
    """The conditions on `recordings`, but for freeText and timeRanges, which need the database to be asked.

    Raises BadRequest for a range that is reversed.
    """
    columns = recordings.c
    yield from _listed(columns.interaction_id, filters.recording_ids)
    yield from _listed(columns.third_party_id, filters.third_party_ids)
    yield from _listed(columns.type, filters.communication_types)
    yield from _linked(recording_endpoints.c.endpoint_id, filters.endpoint_ids)
    yield from _linked(recording_endpoints.c.person_id, filters.person_ids)
    yield from _linked(recording_tags.c.tag_id, filters.tag_ids)
    yield from _owned_by(filters.user_ids)
    yield from _started(filters.date_time_range)
    yield from _lasting(filters.duration_range_in_seconds)
    if filters.direction is not None:
        yield columns.direction == filters.direction
    if filters.is_private is not None:
        yield columns.is_private == filters.is_private
    if filters.has_comments is not None:
        yield _has_comments(viewer) if filters.has_comments else ~_has_comments(viewer)
    if filters.legal_hold_id is not None:
        yield _member(legal_holds, legal_hold_recordings, "legal_hold_id", filters.legal_hold_id)
    if filters.playlist_id is not None:
        yield _member(playlists, playlist_recordings, "playlist_id", filters.playlist_id)
    if filters.communications_between is not None:
        yield _between(filters.communications_between)


def _listed(column: Column[Any], wanted: IdFilter | NameFilter | None) -> Iterator[ColumnElement[bool]]:
    if wanted and wanted.include:
        yield among(column, wanted.include)
    if wanted and wanted.exclude:
        yield not_(among(column, wanted.exclude))


def _linked(column: Column[Any], wanted: IdFilter | None) -> Iterator[ColumnElement[bool]]:
    if wanted and wanted.include:
        yield recordings.c.position.in_(_positions(column, wanted.include))
    if wanted and wanted.exclude:
        yield recordings.c.position.not_in(_positions(column, wanted.exclude))


def _positions(column: Column[Any], values: list[int]) -> Select[Any]:
    return select(column.table.c.position).where(among(column, values))


def _owned_by(wanted: IdFilter | None) -> Iterator[ColumnElement[bool]]:
    """A user's recordings: a recording subject is the user's person, or carries the user's name."""

    def owned(user_ids: list[int]) -> Select[Any]:
        part = recording_endpoints.c
        person_ids = select(users.c.person_id).where(
            among(users.c.id, user_ids), users.c.person_id.is_not(None)
        )
        names = select(users.c.username_folded).where(among(users.c.id, user_ids))
        return select(part.position).where(
            part.is_recording_subject == true(),
            or_(part.person_id.in_(person_ids), part.user_folded.in_(names)),
        )

    if wanted and wanted.include:
        yield recordings.c.position.in_(owned(wanted.include))
    if wanted and wanted.exclude:
        yield recordings.c.position.not_in(owned(wanted.exclude))


def _started(wanted: DateTimeRange | None) -> Iterator[ColumnElement[bool]]:
    if wanted is None:
        return
    if wanted.from_ is not None and wanted.to is not None and wanted.from_ > wanted.to:
        raise BadRequest.of(Fault("dateTimeRange", "from lies after to"))
    if wanted.from_ is not None:
        yield recordings.c.position >= first_position(wanted.from_)
    if wanted.to is not None:
        yield recordings.c.position < first_position(wanted.to)


def _lasting(wanted: DurationRange | None) -> Iterator[ColumnElement[bool]]:
    if wanted is None:
        return
    if wanted.min is not None and wanted.max is not None and wanted.min > wanted.max:
        raise BadRequest.of(Fault("durationRangeInSeconds", "min is more than max"))
    if wanted.min is not None:
        yield recordings.c.duration_ms >= wanted.min * 1000
    if wanted.max is not None:
        yield recordings.c.duration_ms <= wanted.max * 1000


def _has_comments(viewer: Viewer) -> ColumnElement[bool]:
    if not viewer.may(Right.RECORDING_COMMENT_VIEW):
        return false()
    return exists(
        select(1).where(comments.c.position == recordings.c.position, comments.c.withdrawn_at.is_(None))
    )


def _member(catalogue: Table, members: Table, key: str, wanted: int) -> ColumnElement[bool]:
    return recordings.c.position.in_(
        select(members.c.position)
        .join(catalogue, catalogue.c.id == members.c[key])
        .where(members.c[key] == wanted, catalogue.c.ended_at.is_(None))
    )


def _between(wanted: CommunicationsBetween) -> ColumnElement[bool]:
    one, other = recording_endpoints.alias("one"), recording_endpoints.alias("other")
    return recordings.c.position.in_(
        select(one.c.position)
        .join(other, and_(other.c.position == one.c.position, other.c.ordinal != one.c.ordinal))
        .where(_is_of(one, wanted.first, "first"), _is_of(other, wanted.second, "second"))
    )


def _is_of(part: Any, side: Side, name: str) -> ColumnElement[bool]:
    if not side.endpoint_ids and not side.person_ids:
        raise BadRequest.of(Fault(f"communicationsBetween.{name}", "expected endpointIds or personIds"))
    return or_(
        among(part.c.endpoint_id, side.endpoint_ids or []),
        among(part.c.person_id, side.person_ids or []),
    )
