"""The communications of people and endpoints, counted over the recordings that a viewer may see.

Each function answers for a whole page with one query.
"""

from collections.abc import Sequence
from typing import Literal

from sqlalchemy import ColumnElement, Connection, case, exists, func, select, true

from earwitness.archive.access.viewer import Viewer
from earwitness.archive.access.visibility import visible_to
from earwitness.archive.database.in_list import among
from earwitness.archive.database.timeline import first_position
from earwitness.archive.schema.people import endpoints, people
from earwitness.archive.schema.recordings import recording_endpoints, recordings
from earwitness.kernel.clock import MS_PER_DAY, now_ms
from earwitness.kernel.wire import Wire

# A recording that began up to this long before the latest one may end after it.
_LONGEST_OVERLAP = first_position(MS_PER_DAY)

_IDS = {"person_id": people.c.id, "endpoint_id": endpoints.c.id}

# An alias, because the condition on what is visible reads the same table.
_part = recording_endpoints.alias("part")
_linked = _part.join(recordings, recordings.c.position == _part.c.position)


class Interactions(Wire):
    """How many recordings a person took part in: in all, and of the last 30 days."""

    total: int
    last_30_days: int


def most_recent_ends(
    connection: Connection, viewer: Viewer, of: Literal["person_id", "endpoint_id"], ids: Sequence[int]
) -> dict[int, int]:
    """When the latest communication of each of these people, or endpoints, ended, in milliseconds.

    An index gives the last one to begin; one that began up to a day earlier may have ended later.
    """
    key = _part.c[of]
    latest = (
        select(_part.c.position)
        .select_from(_linked)
        .where(key == _IDS[of], visible_to(viewer))
        .order_by(_part.c.position.desc())
        .limit(1)
        .correlate(_IDS[of].table)
        .scalar_subquery()
    )
    newest = select(_IDS[of], latest.label("position")).where(among(_IDS[of], ids)).cte("newest")
    rows = connection.execute(
        select(newest.c.id, func.max(recordings.c.ended_at))
        .select_from(newest)
        .join(_part, (key == newest.c.id) & (_part.c.position >= newest.c.position - _LONGEST_OVERLAP))
        .join(recordings, recordings.c.position == _part.c.position)
        .where(visible_to(viewer))
        .group_by(newest.c.id)
    )
    return {row[0]: row[1] for row in rows}


def is_recorded(viewer: Viewer) -> ColumnElement[bool]:
    """The condition on `endpoints` that the endpoint took part in a recording as its subject."""
    return exists(
        select(1)
        .select_from(_linked)
        .where(
            _part.c.endpoint_id == endpoints.c.id,
            _part.c.is_recording_subject == true(),
            visible_to(viewer),
        )
        .correlate(endpoints)
    )


def recorded_among(connection: Connection, viewer: Viewer, endpoint_ids: Sequence[int]) -> set[int]:
    """Which of these endpoints took part in a recording as its subject."""
    asked_for = among(endpoints.c.id, endpoint_ids)
    return set(connection.scalars(select(endpoints.c.id).where(asked_for, is_recorded(viewer))))


def interactions_of(
    connection: Connection, viewer: Viewer, person_ids: Sequence[int]
) -> dict[int, Interactions]:
    """How many recordings each person took part in. People without any are left out."""
    since = first_position(now_ms() - 30 * MS_PER_DAY)
    position = _part.c.position
    rows = connection.execute(
        select(
            _part.c.person_id,
            func.count(position.distinct()),
            func.count(case((position >= since, position)).distinct()),
        )
        .select_from(_linked)
        .where(among(_part.c.person_id, person_ids), visible_to(viewer))
        .group_by(_part.c.person_id)
    )
    return {row[0]: Interactions(total=row[1], last_30_days=row[2]) for row in rows}
