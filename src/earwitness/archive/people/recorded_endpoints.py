"""Endpoints as the API lists them: who owns them, and whether they are recorded."""

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET, UnsetType
from sqlalchemy import Connection, select

from earwitness.archive.access.viewer import Viewer
from earwitness.archive.database.in_list import among
from earwitness.archive.people.communications import most_recent_ends, recorded_among
from earwitness.archive.people.inflight_calls import InflightCall, visible_calls
from earwitness.archive.schema.people import endpoints, people
from earwitness.kernel.clock import format_ms
from earwitness.kernel.wire import MomentText, Wire


class RecordedEndpoint(Wire):
    """An endpoint. `ownedByPersonId` is shown to administrators, who may change it."""

    id: int
    type: str
    endpoint: str
    metadata: dict[str, Any]
    owned_by_full_name: str
    is_private: bool
    is_currently_recorded: bool
    is_recorded: bool
    inflight_call: InflightCall | None
    most_recent_comm_at: MomentText | None
    owned_by_person_id: int | UnsetType | None = UNSET


def recorded_endpoints(
    connection: Connection, viewer: Viewer, endpoint_ids: Sequence[int], *, owners: bool = False
) -> list[RecordedEndpoint]:
    """The endpoints of these ids, in that order, without unknown ids. `owners` adds `ownedByPersonId`."""
    if not endpoint_ids:
        return []
    rows = connection.execute(
        select(endpoints, people.c.full_name)
        .outerjoin(people, people.c.id == endpoints.c.owned_by_person_id)
        .where(among(endpoints.c.id, endpoint_ids))
    )
    found = {row.id: row for row in rows}
    recorded = recorded_among(connection, viewer, endpoint_ids)
    ends = most_recent_ends(connection, viewer, "endpoint_id", endpoint_ids)
    calls = visible_calls(connection, viewer)
    return [
        RecordedEndpoint(
            id=row.id,
            type=row.type,
            endpoint=row.endpoint,
            metadata=row.metadata,
            owned_by_person_id=row.owned_by_person_id if owners else UNSET,
            owned_by_full_name=row.full_name or "",
            is_private=row.is_private,
            is_currently_recorded=row.id in calls,
            is_recorded=row.id in recorded,
            inflight_call=calls.get(row.id),
            most_recent_comm_at=format_ms(ends[row.id]) if row.id in ends else None,
        )
        for row in (found[one] for one in endpoint_ids if one in found)
    ]
