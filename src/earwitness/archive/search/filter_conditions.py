"""The conditions of each filter of recording.search: one function a filter, and `FILTERS`, the table of them.

To add a filter, add its field to `RecordingFilters` and its row to `FILTERS`.
"""

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, and_, false, not_, or_, select, true

from earwitness.archive.access.viewer import Viewer
from earwitness.archive.database.in_list import among
from earwitness.archive.database.timeline import Window
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
from earwitness.archive.search.conditions import ColumnCondition, Condition, Excluded, Required
from earwitness.archive.search.endpoint_aliases import current_ids
from earwitness.archive.search.filters import (
    CommunicationsBetween,
    DateTimeRange,
    DurationRange,
    IdFilter,
    NameFilter,
    RecordingFilters,
    TimeRanges,
)
from earwitness.archive.search.free_text import FreeText, text_conditions
from earwitness.archive.search.position_sets import PositionSet, called, identified, linked, one_of
from earwitness.archive.search.times_of_day import time_conditions
from earwitness.kernel.clock import EARLIEST_MS, LATEST_MS
from earwitness.kernel.errors import BadRequest, Fault
from earwitness.kernel.rights import Right
from earwitness.kernel.wire import Direction


@dataclass(frozen=True, slots=True)
class SearchContext:
    """What a filter may need besides its own value."""

    connection: Connection
    viewer: Viewer
    free_text: FreeText | None = None
    """The filter of that name as it was parsed; None where it is blank."""
    endpoint_ids: Mapping[int, int] = field(default_factory=dict)
    """The present ids of endpoints that the request names by former ones: `conditions_of` looks them up."""


def by_date_time_range(_search: SearchContext, asked: DateTimeRange) -> Iterator[Condition]:
    start, end = asked.from_, asked.to
    if start is not None and end is not None and start > end:
        raise BadRequest.of(Fault("dateTimeRange", "from is after to"))
    # Drivers take plain integers.
    yield Window(*(None if moment is None else int(_clamped(moment)) for moment in (start, end)))


def by_direction(_search: SearchContext, asked: Direction) -> Iterator[Condition]:
    yield ColumnCondition("direction", recordings.c.direction == str(asked))


def by_is_private(_search: SearchContext, asked: bool) -> Iterator[Condition]:
    yield ColumnCondition("isPrivate", recordings.c.is_private == asked)


def by_communication_types(_search: SearchContext, asked: NameFilter) -> Iterator[Condition]:
    type_ = recordings.c.type
    if asked.include:
        yield ColumnCondition("communicationTypes", among(type_, asked.include))
    if asked.exclude:
        yield ColumnCondition("communicationTypes.exclude", not_(among(type_, asked.exclude)))


def by_recording_ids(_search: SearchContext, asked: IdFilter) -> Iterator[Condition]:
    return _by_own_id("recordingIds", "interaction_id", asked)


def by_third_party_ids(_search: SearchContext, asked: NameFilter) -> Iterator[Condition]:
    return _by_own_id("thirdPartyIds", "third_party_id", asked)


def by_endpoint_ids(search: SearchContext, asked: IdFilter) -> Iterator[Condition]:
    include, exclude = _current(search, asked.include, asked.exclude)
    current = IdFilter(include=include, exclude=exclude)
    return _of_both_signs(
        "endpointIds", current, partial(linked, links=recording_endpoints, key="endpoint_id")
    )


def by_person_ids(_search: SearchContext, asked: IdFilter) -> Iterator[Condition]:
    return _of_both_signs("personIds", asked, partial(linked, links=recording_endpoints, key="person_id"))


def by_tag_ids(_search: SearchContext, asked: IdFilter) -> Iterator[Condition]:
    return _of_both_signs("tagIds", asked, partial(linked, links=recording_tags, key="tag_id"))


def by_user_ids(_search: SearchContext, asked: IdFilter) -> Iterator[Condition]:
    return _of_both_signs("userIds", asked, _of_users)


def by_has_comments(search: SearchContext, asked: bool) -> Iterator[Condition]:
    table = called("hasComments", comments)
    may_view = search.viewer.may(Right.RECORDING_COMMENT_VIEW)
    is_shown = table.c.withdrawn_at.is_(None) if may_view else false()
    commented = PositionSet("hasComments", table, table.c.position, is_shown, repeats=True)
    yield Required(commented) if asked else Excluded(commented)


def by_legal_hold_id(_search: SearchContext, asked: int) -> Iterator[Condition]:
    yield Required(_members("legalHoldId", legal_holds, legal_hold_recordings, asked))


def by_playlist_id(_search: SearchContext, asked: int) -> Iterator[Condition]:
    yield Required(_members("playlistId", playlists, playlist_recordings, asked))


def by_communications_between(search: SearchContext, asked: CommunicationsBetween) -> Iterator[Condition]:
    """Two sets; or, if somebody may be on both sides, one set of pairs of different participants."""
    name = "communicationsBetween"
    first_ids, second_ids = _current(search, asked.first.endpoint_ids, asked.second.endpoint_ids)
    first = _ids_by_column(f"{name}.first", first_ids, asked.first.person_ids)
    second = _ids_by_column(f"{name}.second", second_ids, asked.second.person_ids)
    if len(first) == 1 and first.keys() == second.keys():
        [(key, ids)] = first.items()
        if set(ids).isdisjoint(second[key]):
            yield Required(linked(f"{name}.first", recording_endpoints, key, ids))
            yield Required(linked(f"{name}.second", recording_endpoints, key, second[key]))
            return
    one = called("between.first", recording_endpoints)
    other = called("between.second", recording_endpoints)
    pairs = one.join(other, and_(other.c.position == one.c.position, other.c.ordinal != one.c.ordinal))
    sides = and_(_is_any_of(one, first), _is_any_of(other, second))
    yield Required(PositionSet(name, pairs, one.c.position, sides, repeats=True))


def by_duration_range(_search: SearchContext, asked: DurationRange) -> Iterator[Condition]:
    name, duration_ms = "durationRangeInSeconds", recordings.c.duration_ms
    if asked.min is not None and asked.max is not None and asked.min > asked.max:
        raise BadRequest.of(Fault(name, "min is more than max"))
    if asked.min is not None:
        yield ColumnCondition(name, duration_ms >= math.ceil(round(_clamped(asked.min * 1000), 3)))
    if asked.max is not None:
        yield ColumnCondition(name, duration_ms <= math.floor(round(_clamped(asked.max * 1000), 3)))


def by_time_ranges(search: SearchContext, asked: TimeRanges) -> Iterator[Condition]:
    for condition in time_conditions(search.connection, asked):
        yield ColumnCondition("timeRanges", condition)


def by_free_text(search: SearchContext, _asked: str) -> Iterator[Condition]:
    if search.free_text is not None:
        yield from text_conditions(search.connection, search.free_text)


ByFilter: TypeAlias = Callable[[SearchContext, Any], Iterator[Condition]]
"""The conditions of a filter that is not null. Raises BadRequest, naming the filter."""


def checked(rows: Mapping[str, ByFilter], fields_of: type[RecordingFilters]) -> Mapping[str, ByFilter]:
    """The same rows. Raises TypeError unless there is exactly one for each field of the request."""
    fields = {field.name for field in msgspec.structs.fields(fields_of)}
    if missing := fields - rows.keys():
        raise TypeError(f"no row in FILTERS for {_listed(missing)}: such a filter would filter nothing")
    if unknown := rows.keys() - fields:
        raise TypeError(f"no field in {fields_of.__name__} for {_listed(unknown)} of FILTERS")
    return rows


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names))


FILTERS = checked(
    {
        "date_time_range": by_date_time_range,
        "direction": by_direction,
        "is_private": by_is_private,
        "communication_types": by_communication_types,
        "recording_ids": by_recording_ids,
        "third_party_ids": by_third_party_ids,
        "endpoint_ids": by_endpoint_ids,
        "person_ids": by_person_ids,
        "tag_ids": by_tag_ids,
        "user_ids": by_user_ids,
        "has_comments": by_has_comments,
        "legal_hold_id": by_legal_hold_id,
        "playlist_id": by_playlist_id,
        "communications_between": by_communications_between,
        "duration_range_in_seconds": by_duration_range,
        "time_ranges": by_time_ranges,
        "free_text": by_free_text,
    },
    RecordingFilters,
)
"""The filters in the order in which their conditions are made: the first impossible value is reported."""


def conditions_of(search: SearchContext, filters: RecordingFilters) -> Iterator[Condition]:
    """The conditions of all filters that a request has. Raises BadRequest."""
    if named := list(_endpoints_named(filters)):
        search = replace(search, endpoint_ids=current_ids(search.connection, named))
    for name, by_filter in FILTERS.items():
        asked = getattr(filters, name)
        if asked is not None:
            yield from by_filter(search, asked)


def _of_both_signs(name: str, asked: IdFilter, set_of: Callable[..., PositionSet]) -> Iterator[Condition]:
    if asked.include:
        yield Required(set_of(name, values=asked.include))
    if asked.exclude:
        yield Excluded(set_of(f"{name}.exclude", values=asked.exclude))


def _by_own_id(name: str, key: str, asked: IdFilter | NameFilter) -> Iterator[Condition]:
    if asked.include:
        yield Required(identified(name, key, asked.include))
    if asked.exclude:
        yield ColumnCondition(f"{name}.exclude", not_(among(recordings.c[key], asked.exclude)))


def _of_users(name: str, values: Sequence[int]) -> PositionSet:
    """The recordings of users: a recording subject is the user's person, or carries the user's name."""
    part = called(name, recording_endpoints)
    chosen = among(users.c.id, values)
    person_ids = select(users.c.person_id).where(chosen, users.c.person_id.is_not(None))
    names = select(users.c.username_folded).where(chosen)
    owned = or_(part.c.person_id.in_(person_ids), part.c.user_folded.in_(names))
    is_owned = and_(part.c.is_recording_subject == true(), owned)
    return PositionSet(name, part, part.c.position, is_owned, repeats=True)


def _members(name: str, catalogue: Table, members: Table, asked: int) -> PositionSet:
    """The recordings in a legal hold or playlist that has not ended."""
    table = called(name, members)
    key = table.c[f"{catalogue.name.removesuffix('s')}_id"]
    lasting = select(catalogue.c.id).where(catalogue.c.id == asked, catalogue.c.ended_at.is_(None))
    # One value, not a list of one: only then does the index give positions in order.
    return PositionSet(name, table, table.c.position, key == lasting.scalar_subquery(), repeats=False)


def _endpoints_named(filters: RecordingFilters) -> Iterator[int]:
    """The ids of endpoints in all filters that name some."""
    if chosen := filters.endpoint_ids:
        yield from chosen.include or ()
        yield from chosen.exclude or ()
    if between := filters.communications_between:
        yield from between.first.endpoint_ids or ()
        yield from between.second.endpoint_ids or ()


def _current(search: SearchContext, *lists: list[int] | None) -> list[list[int] | None]:
    """Lists of endpoint ids, in which former ids are replaced by the present ones."""
    now = search.endpoint_ids
    if not now:
        return list(lists)
    return [ids and list(dict.fromkeys(now.get(one, one) for one in ids)) for ids in lists]


def _ids_by_column(
    path: str, endpoint_ids: list[int] | None, person_ids: list[int] | None
) -> dict[str, list[int]]:
    """The ids of one side, by the column that holds such ids. Raises BadRequest for an empty side."""
    ids = {"endpoint_id": endpoint_ids, "person_id": person_ids}
    if not any(ids.values()):
        raise BadRequest.of(Fault(path, "expected endpointIds or personIds"))
    return {key: some for key, some in ids.items() if some}


def _is_any_of(part: Any, ids: dict[str, list[int]]) -> ColumnElement[bool]:
    return or_(*(one_of(part.c[key], some) for key, some in ids.items()))


def _clamped(milliseconds: float) -> float:
    """A moment; one that is impossible becomes a possible bound. Some write the year 9999 for "no end"."""
    return min(max(milliseconds, EARLIEST_MS - 1), LATEST_MS + 1)
