"""What changes with a person: the row, its endpoints and groups, the text index, and retention."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType
from sqlalchemy import Connection, select, update

from earwitness.archive.people.endpoints import find_or_add_endpoint
from earwitness.archive.people.groups import assign_groups
from earwitness.archive.people.people import folded_email, folded_name
from earwitness.archive.people.person_records import Person, person_records
from earwitness.archive.recordings.retention import recompute_for_people
from earwitness.archive.schema.people import endpoints, people, retention_groups
from earwitness.archive.schema.recordings import recording_endpoints
from earwitness.archive.spelling.addresses import is_withheld
from earwitness.archive.text.reindexing import index_anew
from earwitness.ingest.metadata import NamedEndpoint, Text
from earwitness.kernel.errors import BadRequest, Conflict, Fault, NotFound
from earwitness.kernel.wire import Id, Wire, Word, WordOrNothing
from earwitness.operations.changed_fields import changed_fields
from earwitness.operations.operations import Call


class PersonGroup(Wire):
    """A group and its value, by name; created if it does not exist."""

    group_name: Word
    group_value: Word


class PersonChange(Wire, kw_only=True):
    """The values to change; those left out stay.

    An empty `email`, `thirdPartyId` or `avatar` takes it away. `endpoints` and `autoGroupAssignment` take
    the place of all that there were.
    """

    full_name: Word | None = None
    email: WordOrNothing | None = None
    third_party_id: WordOrNothing | None = None
    person_type: Literal["staff", "external"] | None = None
    avatar: Text | None = None
    retention_group_id: Id | UnsetType | None = UNSET
    byo_storage_account_id: Id | UnsetType | None = UNSET
    is_active: bool | None = None
    endpoints: Annotated[list[NamedEndpoint], Meta(max_length=1000)] | None = None
    auto_group_assignment: Annotated[list[PersonGroup], Meta(max_length=1000)] | None = None
    metadata: dict[str, Any] | None = None


class PersonToAdd(PersonChange, kw_only=True):
    """A person to add: `staff` unless said otherwise."""

    full_name: Word


def change(call: Call, person_id: int, wanted: PersonChange) -> Person:
    """Change a person, and whatever follows from it; answers how it is then.

    Raises NotFound, BadRequest naming what cannot be, and Conflict for what is another person's or would
    shorten how long recordings are kept.
    """
    connection = call.connection
    before = connection.execute(select(people).where(people.c.id == person_id)).one_or_none()
    if before is None:
        raise NotFound(f"There is no person {person_id}.")
    _check(connection, person_id, wanted)
    columns = _columns(wanted)
    if columns:
        connection.execute(update(people).where(people.c.id == person_id).values(columns))
    if wanted.endpoints is not None:
        _own(connection, person_id, wanted.endpoints)
    if wanted.auto_group_assignment is not None:
        groups = ((group.group_name, group.group_value) for group in wanted.auto_group_assignment)
        assign_groups(connection, person_id, groups)
    changed = {name for name, value in columns.items() if value != before._mapping[name]}
    if changed & {"full_name", "email"}:
        part = recording_endpoints.c
        index_anew(connection, select(part.position).where(part.person_id == person_id))
    if "retention_group_id" in changed:
        recompute_for_people(connection, [person_id])
    call.changed("Person", person_id, changed_fields(wanted))
    return person_records(connection, call.viewer, [person_id], storage=True)[0]


def _check(connection: Connection, person_id: int, wanted: PersonChange) -> None:
    faults = []
    if wanted.full_name is not None and not wanted.full_name.strip():
        faults.append(Fault("fullName", "expected a name"))
    group_id = wanted.retention_group_id
    if isinstance(group_id, int):
        known = select(retention_groups.c.id).where(retention_groups.c.id == group_id)
        if connection.scalar(known) is None:
            faults.append(Fault("retentionGroupId", f"there is no retention group {group_id}"))
    faults += [
        Fault(f"endpoints[{index}].endpoint", "expected an address of somebody: this one names nobody")
        for index, one in enumerate(wanted.endpoints or [])
        if is_withheld(one.type, one.endpoint)
    ]
    if faults:
        raise BadRequest.of(*faults)
    same = select(people.c.id).where(
        people.c.third_party_id == wanted.third_party_id, people.c.id != person_id
    )
    if wanted.third_party_id and (other := connection.scalar(same)) is not None:
        raise Conflict(f"Person {other} already has the thirdPartyId {wanted.third_party_id}.")


def _columns(wanted: PersonChange) -> dict[str, Any]:
    """The columns that are to change, and their values."""
    columns: dict[str, Any] = {
        name: getattr(wanted, name)
        for name in ("full_name", "person_type", "is_active", "metadata")
        if getattr(wanted, name) is not None
    }
    columns |= {
        name: getattr(wanted, name).strip() or None
        for name in ("email", "third_party_id", "avatar")
        if getattr(wanted, name) is not None
    }
    columns |= {
        name: getattr(wanted, name)
        for name in ("retention_group_id", "byo_storage_account_id")
        if getattr(wanted, name) is not UNSET
    }
    if "full_name" in columns:
        columns["full_name_folded"] = folded_name(columns["full_name"])
    if "email" in columns:
        columns["email_folded"] = columns["email"] and folded_email(columns["email"])
    return columns


def _own(connection: Connection, person_id: int, wanted: list[NamedEndpoint]) -> None:
    """Make a person the owner of these endpoints, and of no others."""
    endpoint_ids = []
    for one in wanted:
        endpoint = find_or_add_endpoint(connection, one.type, one.endpoint)
        if endpoint.owner is not None and endpoint.owner.id != person_id:
            raise Conflict(f"The endpoint {one.endpoint} is owned by person {endpoint.owner.id}.")
        endpoint_ids.append(endpoint.id)
    owned = endpoints.c.owned_by_person_id
    connection.execute(update(endpoints).where(owned == person_id).values(owned_by_person_id=None))
    connection.execute(
        update(endpoints).where(endpoints.c.id.in_(endpoint_ids)).values(owned_by_person_id=person_id)
    )
