"""Live calls: POST /ingest/call/start and /ingest/call/end."""

from typing import Any

from msgspec import field
from sqlalchemy import Connection, select

from earwitness.archive.access.viewer import check_may_ingest
from earwitness.archive.people.endpoints import find_or_add_endpoint
from earwitness.archive.people.inflight_calls import end_calls, find_call, start_call
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.spelling.addresses import shown
from earwitness.ingest.metadata import NamedEndpoint
from earwitness.kernel.clock import format_ms, now_ms
from earwitness.kernel.errors import Conflict, NotFound
from earwitness.kernel.rights import Right
from earwitness.kernel.wire import Direction, Moment, MomentText, Wire, Word
from earwitness.operations import operations
from earwitness.operations.operations import Call


class CallStart(Wire):
    """A call that began on an endpoint that is recorded; `startDatetimeUTC` is now unless it is given."""

    third_party_id: Word
    endpoint: NamedEndpoint
    other_endpoint: NamedEndpoint | None = None
    direction: Direction | None = None
    start_datetime_utc: Moment | None = field(default=None, name="startDatetimeUTC")


class CallEnd(Wire):
    """A call that ended."""

    third_party_id: Word


class Started(Wire):
    """A call in progress."""

    third_party_id: str
    start_datetime_utc: MomentText = field(name="startDatetimeUTC")


@operations.write("/ingest/call/start", right=Right.RECORDING_INGEST)
def start(call: Call, body: CallStart) -> Started:
    """Report that a call has begun. Nothing changes if it is known, or its recording is in the archive.

    The call ends when its end is reported, when its recording is added, or 24 hours after its start.
    """
    check_may_ingest(call.viewer)
    stated = None if body.start_datetime_utc is None else int(body.start_datetime_utc)
    started_at = now_ms() if stated is None else stated
    if _is_recording(call.connection, body.third_party_id):
        return _started(body.third_party_id, started_at)
    endpoint_id = find_or_add_endpoint(call.connection, body.endpoint.type, body.endpoint.endpoint).id
    other = _other(body.other_endpoint)
    known = find_call(call.connection, body.third_party_id)
    if known is not None:
        same = (known.endpoint_id, known.other_endpoint, known.direction) == (
            endpoint_id,
            other,
            body.direction,
        )
        if not same or stated not in {None, known.started_at}:
            raise Conflict(f"A different call {body.third_party_id} is already in progress.")
        return _started(body.third_party_id, known.started_at)
    start_call(
        call.connection,
        body.third_party_id,
        endpoint_id,
        other_endpoint=other,
        direction=str(body.direction) if body.direction else None,
        started_at=started_at,
    )
    call.changed("Endpoint", endpoint_id, {"callStarted": body.third_party_id})
    return _started(body.third_party_id, started_at)


@operations.write("/ingest/call/end", right=Right.RECORDING_INGEST, refuses=(NotFound,))
def end(call: Call, body: CallEnd) -> CallEnd:
    """Report that a call has ended."""
    check_may_ingest(call.viewer)
    known = find_call(call.connection, body.third_party_id)
    if known is None:
        raise NotFound(f"There is no call {body.third_party_id} in progress.")
    end_calls(call.connection, [body.third_party_id])
    call.changed("Endpoint", known.endpoint_id, {"callEnded": body.third_party_id})
    return CallEnd(third_party_id=body.third_party_id)


ROUTES = [start, end]


def _started(third_party_id: str, started_at: int) -> Started:
    return Started(third_party_id=third_party_id, start_datetime_utc=format_ms(started_at))


def _other(endpoint: NamedEndpoint | None) -> dict[str, Any] | None:
    if endpoint is None:
        return None
    return {"type": endpoint.type, "endpoint": shown(endpoint.type, endpoint.endpoint)}


def _is_recording(connection: Connection, third_party_id: str) -> bool:
    found = select(recordings.c.position).where(recordings.c.third_party_id == third_party_id)
    return connection.scalar(found) is not None
