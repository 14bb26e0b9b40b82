"""The filters that speak of a recording's own columns, as conditions on `recordings`."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, not_

from earwitness.archive.database.in_list import among
from earwitness.archive.database.timeline import Window
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.search.filters import DateTimeRange, RecordingFilters
from earwitness.kernel.clock import EARLIEST_MS, LATEST_MS
from earwitness.kernel.errors import BadRequest, Fault


@dataclass(frozen=True, slots=True)
class Fact:
    """A condition on `recordings`, and the filter, or the viewer's limit, that makes it."""

    name: str
    condition: ColumnElement[bool]


def facts(filters: RecordingFilters) -> Iterator[Fact]:
    """Type, direction, duration, privacy, and the ids left out. Raises BadRequest for a reversed range."""
    columns = recordings.c
    if filters.direction is not None:
        yield Fact("direction", columns.direction == str(filters.direction))
    if filters.is_private is not None:
        yield Fact("isPrivate", columns.is_private == filters.is_private)
    if types := filters.communication_types:
        if types.include:
            yield Fact("communicationTypes", among(columns.type, types.include))
        if types.exclude:
            yield Fact("communicationTypes.exclude", not_(among(columns.type, types.exclude)))
    if filters.recording_ids and filters.recording_ids.exclude:
        left_out = among(columns.interaction_id, filters.recording_ids.exclude)
        yield Fact("recordingIds.exclude", not_(left_out))
    if filters.third_party_ids and filters.third_party_ids.exclude:
        left_out = among(columns.third_party_id, filters.third_party_ids.exclude)
        yield Fact("thirdPartyIds.exclude", not_(left_out))
    for condition in _lasting(filters):
        yield Fact("durationRangeInSeconds", condition)


def window_of(wanted: DateTimeRange | None) -> Window:
    """The stretch of the timeline that is asked for. Raises BadRequest if it is reversed."""
    if wanted is None:
        return Window()
    if wanted.from_ is not None and wanted.to is not None and wanted.from_ > wanted.to:
        raise BadRequest.of(Fault("dateTimeRange", "from is after to"))
    # Drivers take plain integers.
    return Window(*(None if moment is None else int(_held(moment)) for moment in (wanted.from_, wanted.to)))


def _lasting(filters: RecordingFilters) -> Iterator[ColumnElement[bool]]:
    wanted = filters.duration_range_in_seconds
    if wanted is None:
        return
    if wanted.min is not None and wanted.max is not None and wanted.min > wanted.max:
        raise BadRequest.of(Fault("durationRangeInSeconds", "min is more than max"))
    if wanted.min is not None:
        yield recordings.c.duration_ms >= math.ceil(round(_held(wanted.min * 1000), 3))
    if wanted.max is not None:
        yield recordings.c.duration_ms <= math.floor(round(_held(wanted.max * 1000), 3))


def _held(milliseconds: float) -> float:
    """The same, or what lies just outside of all that there can be: programs write 9999 for "no end"."""
    return min(max(milliseconds, EARLIEST_MS - 1), LATEST_MS + 1)
