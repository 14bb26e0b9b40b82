"""Administration: people."""

from dataclasses import replace
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType
from sqlalchemy import select

from earwitness.archive.database.paging import page_of
from earwitness.archive.people import people as archived
from earwitness.archive.people import person_changes
from earwitness.archive.people.person_records import Person, person_records
from earwitness.archive.recordings.retention import rules_of
from earwitness.archive.recordings.retention_changes import Judged, begin, finish, judge, note_change
from earwitness.archive.schema.people import people
from earwitness.archive.text.reindexing import count_many
from earwitness.ingest.metadata import NamedEndpoint, Text
from earwitness.kernel.errors import OutOfDate
from earwitness.kernel.rights import Right
from earwitness.kernel.wire import Id, Page, PageSize, Wire, Word, WordOrNothing
from earwitness.operations import operations
from earwitness.operations.changed_fields import changed_fields
from earwitness.operations.operations import Answer, Call

DEFAULT_PAGE_SIZE = 25


class PersonGroup(Wire):
    """A group and its value, by name; created if it does not exist."""

    group_name: Word
    group_value: Word


class PersonChange(Wire, kw_only=True):
    """The values to change; those left out stay.

    An empty `email`, `thirdPartyId` or `avatar` removes it. `endpoints` and `autoGroupAssignment` replace all
    that the person had.
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
    """A person to add, of the type `staff` unless another is given."""

    full_name: Word


class WantedPeople(Wire):
    """Which page of all people."""

    page: Page | None = None
    page_size: PageSize | None = None


class PersonId(Wire):
    """The id of the person."""

    id: int


@operations.read("/admin/person", method="GET", right=(Right.PEOPLE_VIEW, Right.PEOPLE_EDIT))
def list_people(call: Call, query: WantedPeople) -> Answer[list[Person]]:
    """List people by folded full name, inactive ones too; the total is in `X-Total-Count`."""
    everybody = select(people.c.id).order_by(*archived.in_order(call.connection))
    size = query.page_size or DEFAULT_PAGE_SIZE
    ids, total = page_of(call.connection, everybody, query.page or 1, size)
    listed = person_records(call.connection, call.viewer, ids, storage=True)
    return Answer(listed, headers={"X-Total-Count": str(total)})


@operations.write("/admin/person", right=Right.PEOPLE_EDIT, status=201)
def add_person(call: Call, body: PersonToAdd) -> Person:
    """Add a person."""
    person_type = body.person_type or "staff"
    person_id = archived.add_person(call.connection, full_name=body.full_name, person_type=person_type)
    if body.retention_group_id is not UNSET:
        note_change(call.connection)
    _change(call, person_id, body)
    return _record(call, person_id)


def _judge(call: Call, body: PersonChange) -> Judged | None:
    """Judge a person's retention group, where one is given and both exist."""
    group_id = body.retention_group_id
    this = select(people.c.retention_group_id).where(people.c.id == call.id)
    before = call.connection.execute(this).one_or_none()
    rules = rules_of(call.connection)
    if group_id is UNSET or before is None or not (group_id is None or group_id in rules.groups):
        return None
    moved = {} if group_id == before.retention_group_id else {call.id: group_id}
    return judge(call.connection, rules, replace(rules, moved=moved), [call.id])


def _prepare(call: Call, body: PersonChange) -> tuple[Judged | None, int]:
    """Judge the person's retention group, and count the recordings that are to be found by a new name."""
    renames = body.full_name is not None or body.email is not None
    return _judge(call, body), count_many(call.connection, "person", call.id) if renames else 0


def _changed(call: Call, _body: PersonChange) -> Person:
    return _record(call, call.id)


@operations.write(
    "/admin/person/{id}",
    method="PUT",
    right=Right.PEOPLE_EDIT,
    pends=True,
    prepare=_prepare,
    answer=_changed,  # what a person's recordings take is summed up in a read
)
def change_person(call: Call, body: PersonChange) -> int | None:
    """Change a person. Recordings are found by the new name, and kept by the rules of the new group."""
    judged, total = call.prepared
    if judged is not None:
        begin(call.connection, judged)
    _change(call, call.id, body, total)
    if judged is None and body.retention_group_id is not UNSET:
        raise OutOfDate  # the person or the group was added after the look-up
    pending = finish(call.connection, judged, call.order, call.entries) if judged else None
    return call.last_ordered if pending is None else pending


@operations.write("/admin/person/{id}", method="DELETE", right=Right.PEOPLE_EDIT)
def end_person(call: Call) -> PersonId:
    """Make a person inactive. Nothing is lost: recordings, endpoints and groups stay as they are."""
    _change(call, call.id, PersonChange(is_active=False))
    return PersonId(id=call.id)


ROUTES = [list_people, add_person, change_person, end_person]


def _change(call: Call, person_id: int, body: PersonChange, total: int = 0) -> None:
    addresses, groups = body.endpoints, body.auto_group_assignment
    person_changes.change_person(
        call.connection,
        person_id,
        addresses=None if addresses is None else [(one.type, one.endpoint) for one in addresses],
        groups=None if groups is None else [(one.group_name, one.group_value) for one in groups],
        order=call.order,
        total=total,
        **_columns(body),
    )
    call.changed("Person", person_id, changed_fields(body))


def _record(call: Call, person_id: int) -> Person:
    return person_records(call.connection, call.viewer, [person_id], storage=True)[0]


def _columns(body: PersonChange) -> dict[str, Any]:
    """The columns that are to change, and their values."""
    kept = {name: getattr(body, name) for name in ("full_name", "person_type", "is_active", "metadata")}
    columns = {name: value for name, value in kept.items() if value is not None}
    may_be_empty = {name: getattr(body, name) for name in ("email", "third_party_id", "avatar")}
    columns |= {name: value.strip() or None for name, value in may_be_empty.items() if value is not None}
    may_be_null = {name: getattr(body, name) for name in ("retention_group_id", "byo_storage_account_id")}
    return columns | {name: value for name, value in may_be_null.items() if value is not UNSET}
