"""Administration: endpoints."""

from typing import Any

from msgspec import UNSET, UnsetType
from sqlalchemy import Connection, exists, or_, select, update

from earwitness.archive.access.viewer import check_sees_everything
from earwitness.archive.database.paging import page_of
from earwitness.archive.people.endpoints import (
    find_endpoint,
    find_or_add_endpoint,
    forget_endpoint,
)
from earwitness.archive.people.inflight_calls import forget_calls_that_are_over
from earwitness.archive.people.recorded_endpoints import RecordedEndpoint, recorded_endpoints
from earwitness.archive.schema.people import endpoints, inflight_calls, people
from earwitness.archive.schema.recordings import recording_endpoints
from earwitness.archive.search.endpoint_aliases import current_id
from earwitness.archive.spelling.addresses import WITHHELD, is_withheld, normalise
from earwitness.archive.substrings.writing import fold_endpoints, fold_people
from earwitness.ingest.metadata import EndpointType, Text
from earwitness.kernel.errors import BadRequest, Conflict, Fault, NotFound
from earwitness.kernel.rights import Right
from earwitness.kernel.wire import Id, Page, PageSize, Wire, Word
from earwitness.operations import operations
from earwitness.operations.changed_fields import changed_fields
from earwitness.operations.operations import Answer, Call

DEFAULT_PAGE_SIZE = 100


class WantedEndpoints(Wire):
    """Which page of all endpoints."""

    page: Page | None = None
    page_size: PageSize | None = None


class EndpointChange(Wire, kw_only=True):
    """The values to change; those left out stay.

    `label` is shown in `metadata`; an empty one removes it. Null as `ownedByPersonId` removes the owner. The
    `type` and `endpoint` cannot be changed: if they are sent, they must be the same.
    """

    type: EndpointType | None = None
    endpoint: Word | None = None
    label: Text | None = None
    metadata: dict[str, Any] | None = None
    owned_by_person_id: Id | UnsetType | None = UNSET
    is_private: bool | None = None


class EndpointToAdd(EndpointChange, kw_only=True):
    """An endpoint to add."""

    type: EndpointType
    endpoint: Word


class EndpointId(Wire):
    """The id of the endpoint."""

    id: int


@operations.read("/admin/endpoint", method="GET", right=(Right.ENDPOINTS_VIEW, Right.ENDPOINTS_EDIT))
def list_endpoints(call: Call, query: WantedEndpoints) -> Answer[list[RecordedEndpoint]]:
    """List endpoints by id; the total is in `X-Total-Count`."""
    size = query.page_size or DEFAULT_PAGE_SIZE
    every = select(endpoints.c.id).order_by(endpoints.c.id)
    ids, total = page_of(call.connection, every, query.page or 1, size)
    listed = recorded_endpoints(call.connection, call.viewer, ids, owners=True)
    return Answer(listed, headers={"X-Total-Count": str(total)})


@operations.write("/admin/endpoint", right=Right.ENDPOINTS_EDIT, status=201)
def add_endpoint(call: Call, body: EndpointToAdd) -> RecordedEndpoint:
    """Add an endpoint. Different spellings of one value are the same endpoint."""
    if is_withheld(body.type, body.endpoint):
        raise BadRequest.of(Fault("endpoint", "expected an address of somebody: this one names nobody"))
    known = find_endpoint(call.connection, body.type, body.endpoint)
    if known is not None:
        raise Conflict(f"There is already an endpoint {body.endpoint}, id {known.id}.")
    endpoint_id = find_or_add_endpoint(call.connection, body.type, body.endpoint).id
    return _change(call, endpoint_id, body)


@operations.write("/admin/endpoint/{id}", method="PUT", right=Right.ENDPOINTS_EDIT)
def change_endpoint(call: Call, body: EndpointChange) -> RecordedEndpoint:
    """Change an endpoint. Recordings keep who took part, and whether they are private.

    The endpoint of withheld addresses can have no owner, and cannot be private, because that would hide the
    calls of all strangers. A single call can be private.
    """
    return _change(call, call.id, body)


@operations.write("/admin/endpoint/{id}", method="DELETE", right=Right.ENDPOINTS_EDIT)
def delete_endpoint(call: Call) -> EndpointId:
    """Delete an endpoint that is part of no recording.

    Only for users who may see every recording: with `Recording.Private.View`, and without an access policy.
    """
    check_sees_everything(call.viewer)
    before = _row(call.connection, call.id)
    forget_calls_that_are_over(call.connection)
    took_part = or_(
        exists(select(1).where(recording_endpoints.c.endpoint_id == before.id)),
        exists(select(1).where(inflight_calls.c.endpoint_id == before.id)),
    )
    if call.connection.scalar(select(took_part)):
        raise Conflict(f"The endpoint {before.endpoint} is part of recordings or of a call in progress.")
    forget_endpoint(call.connection, before.id)
    call.changed("Endpoint", before.id, {"type": before.type, "endpoint": before.endpoint, "deleted": True})
    return EndpointId(id=before.id)


ROUTES = [list_endpoints, add_endpoint, change_endpoint, delete_endpoint]


def _change(call: Call, endpoint_id: int, body: EndpointChange) -> RecordedEndpoint:
    before = _row(call.connection, endpoint_id)
    kind, value = body.type or before.type, body.endpoint or before.endpoint
    if (kind, normalise(kind, value)) != (before.type, before.normalised):
        raise Conflict(f"The value of an endpoint cannot be changed: this is {before.endpoint}.")
    if before.normalised == WITHHELD:
        _check_withheld(body)
    columns = _columns(call.connection, before.metadata, body)
    if columns:
        call.connection.execute(update(endpoints).where(endpoints.c.id == before.id).values(columns))
        fold_endpoints(call.connection, [before.id])
        owners = {before.owned_by_person_id, columns.get("owned_by_person_id")}
        fold_people(call.connection, [owner for owner in owners if owner is not None])
    call.changed("Endpoint", before.id, changed_fields(body))
    return recorded_endpoints(call.connection, call.viewer, [before.id], owners=True)[0]


def _check_withheld(body: EndpointChange) -> None:
    """Raise Conflict for a change that the endpoint of withheld addresses cannot have."""
    if isinstance(body.owned_by_person_id, int):
        raise Conflict("Withheld addresses name nobody: no person can own this endpoint.")
    if body.is_private:
        raise Conflict(
            "Withheld addresses name nobody: a private endpoint would hide the calls of every stranger. "
            "A call is private where its source says so."
        )


def _row(connection: Connection, endpoint_id: int) -> Any:
    this = endpoints.c.id == current_id(connection, endpoint_id)
    row = connection.execute(select(endpoints).where(this)).one_or_none()
    if row is None:
        raise NotFound(f"There is no endpoint {endpoint_id}.")
    return row


def _columns(connection: Connection, metadata: dict[str, Any], body: EndpointChange) -> dict[str, Any]:
    """The columns that are to change, and their values."""
    columns: dict[str, Any] = {}
    owner_id = body.owned_by_person_id
    if owner_id is not UNSET:
        known = select(people.c.id).where(people.c.id == owner_id)
        if owner_id is not None and connection.scalar(known) is None:
            raise BadRequest.of(Fault("ownedByPersonId", f"there is no person {owner_id}"))
        columns["owned_by_person_id"] = owner_id
    if body.is_private is not None:
        columns["is_private"] = body.is_private
    if body.metadata is not None:
        columns["metadata"] = body.metadata
    if body.label is not None:
        others = {key: value for key, value in columns.get("metadata", metadata).items() if key != "label"}
        columns["metadata"] = others | ({"label": body.label} if body.label else {})
    return columns
