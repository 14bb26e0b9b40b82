"""Calls in progress: which endpoints are being recorded at this moment, and who may see that."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import field
from sqlalchemy import ColumnElement, Connection, delete, insert, not_, select

from earwitness.archive.access.viewer import PolicyConditions, Viewer
from earwitness.archive.access.visibility import requirements_of
from earwitness.archive.database.in_list import among
from earwitness.archive.people.endpoints import AT_ADDRESSES, listed
from earwitness.archive.schema.people import endpoints, inflight_calls
from earwitness.archive.spelling.addresses import normalise
from earwitness.kernel.clock import MS_PER_DAY, format_ms, now_ms
from earwitness.kernel.rights import Right
from earwitness.kernel.wire import MomentText, Wire

CLOSED_AFTER_MS = MS_PER_DAY
"""A call whose end is never reported counts as over after this time."""

# The communication type that the recording of a call will have, for the endpoint types that determine it.
_COMMUNICATION_TYPES = {"phone": "phone", "teamsUserId": "teams"}


class InflightCall(Wire):
    """A call in progress, as the source reported it."""

    third_party_id: str
    direction: str | None
    start_datetime_utc: MomentText = field(name="startDatetimeUTC")
    other_endpoint: dict[str, str] | None


@dataclass(frozen=True, slots=True)
class _Side:
    """An endpoint of a call."""

    type: str
    owner_id: int | None
    is_private: bool


def start_call(
    connection: Connection,
    third_party_id: str,
    endpoint_id: int,
    *,
    other_endpoint: dict[str, str] | None,
    direction: str | None,
    started_at: int,
) -> None:
    """Note a call that began."""
    forget_calls_that_are_over(connection)
    connection.execute(
        insert(inflight_calls).values(
            third_party_id=third_party_id,
            endpoint_id=endpoint_id,
            other_endpoint=other_endpoint,
            direction=direction,
            started_at=started_at,
        )
    )


def find_call(connection: Connection, third_party_id: str) -> Any:
    """The row of a call in progress; None if there is none, or if it counts as over."""
    return connection.execute(
        select(inflight_calls).where(inflight_calls.c.third_party_id == third_party_id, _goes_on())
    ).one_or_none()


def end_calls(connection: Connection, third_party_ids: Sequence[str]) -> None:
    """Forget these calls, if they are in progress."""
    connection.execute(delete(inflight_calls).where(among(inflight_calls.c.third_party_id, third_party_ids)))


def forget_calls_that_are_over(connection: Connection) -> None:
    """Remove the calls whose end was never reported and that count as over."""
    connection.execute(delete(inflight_calls).where(not_(_goes_on())))


def visible_calls(connection: Connection, viewer: Viewer) -> dict[int, InflightCall]:
    """The call in progress at each endpoint that the viewer may see; the latest if there are several.

    The rules are those of its recording: a call of a private endpoint is seen with the right for private
    recordings or by taking part, and a viewer with access policies sees a call only if it surely meets one.
    """
    rows = list(
        connection.execute(
            select(inflight_calls, endpoints.c.type, endpoints.c.owned_by_person_id, endpoints.c.is_private)
            # Each has its endpoint. An inner join would let SQLite begin with all endpoints.
            .outerjoin(endpoints, endpoints.c.id == inflight_calls.c.endpoint_id)
            .where(_goes_on())
            .order_by(inflight_calls.c.started_at, inflight_calls.c.third_party_id)
        )
    )
    others = _known(connection, [row.other_endpoint for row in rows if row.other_endpoint])
    seen: dict[int, InflightCall] = {}
    for row in rows:
        sides = [_Side(row.type, row.owned_by_person_id, row.is_private)]
        if row.other_endpoint and (other := others.get(_identity(row.other_endpoint))):
            sides.append(other)
        if _may_see(viewer, sides):
            seen[row.endpoint_id] = InflightCall(
                third_party_id=row.third_party_id,
                direction=row.direction,
                start_datetime_utc=format_ms(row.started_at),
                other_endpoint=row.other_endpoint,
            )
    return seen


def _goes_on() -> ColumnElement[bool]:
    return inflight_calls.c.started_at >= now_ms() - CLOSED_AFTER_MS


def _identity(endpoint: dict[str, str]) -> tuple[str, str]:
    return endpoint["type"], normalise(endpoint["type"], endpoint["endpoint"])


def _known(connection: Connection, named: Sequence[dict[str, str]]) -> dict[tuple[str, str], _Side]:
    if not named:
        return {}
    rows = connection.execute(select(endpoints).where(AT_ADDRESSES), listed(map(_identity, named)))
    return {
        (row.type, row.normalised): _Side(row.type, row.owned_by_person_id, row.is_private) for row in rows
    }


def _may_see(viewer: Viewer, sides: Sequence[_Side]) -> bool:
    person_ids = {side.owner_id for side in sides if side.owner_id is not None}
    is_private = any(side.is_private for side in sides)
    if is_private and not viewer.may(Right.RECORDING_PRIVATE_VIEW) and viewer.person_id not in person_ids:
        return False
    known: dict[str, set[Any]] = {
        "person_ids": person_ids,
        "communication_types": {_COMMUNICATION_TYPES.get(sides[0].type)},
    }
    return not viewer.policies or any(_meets(policy, known) for policy in viewer.policies)


def _meets(policy: PolicyConditions, known: dict[str, set[Any]]) -> bool:
    """Whether a call surely meets a policy, by what is known of it for each kind of condition.

    What is not known meets no condition: the source sends data groups, for example, with the recording.
    """
    return not any(known.get(one.condition, set()).isdisjoint(one.values) for one in requirements_of(policy))
