"""Administration: people."""

from sqlalchemy import select

from earwitness.api.administration.person_changes import PersonChange, PersonToAdd, change
from earwitness.archive.database.paging import page_of
from earwitness.archive.people import people as archived
from earwitness.archive.people.person_records import Person, person_records
from earwitness.archive.schema.people import people
from earwitness.kernel.rights import Right
from earwitness.kernel.wire import Page, PageSize, Wire
from earwitness.operations import operations
from earwitness.operations.operations import Answer, Call

DEFAULT_PAGE_SIZE = 25


class WantedPeople(Wire):
    """Which page of all people."""

    page: Page | None = None
    page_size: PageSize | None = None


class PersonId(Wire):
    """The id of the person."""

    id: int


@operations.read("/admin/person", method="GET", right=(Right.PEOPLE_VIEW, Right.PEOPLE_EDIT))
def list_people(call: Call, wanted: WantedPeople) -> Answer[list[Person]]:
    """List people by folded full name, inactive ones too; the total is in `X-Total-Count`."""
    everybody = select(people.c.id).order_by(*archived.in_order(call.connection))
    size = wanted.page_size or DEFAULT_PAGE_SIZE
    ids, total = page_of(call.connection, everybody, wanted.page or 1, size)
    listed = person_records(call.connection, call.viewer, ids, storage=True)
    return Answer(listed, headers={"X-Total-Count": str(total)})


@operations.write("/admin/person", right=Right.PEOPLE_EDIT, status=201)
def add_person(call: Call, wanted: PersonToAdd) -> Person:
    """Add a person."""
    person_type = wanted.person_type or "staff"
    person_id = archived.add_person(call.connection, full_name=wanted.full_name, person_type=person_type)
    return change(call, person_id, wanted)


@operations.write("/admin/person/{id:str}", method="PUT", right=Right.PEOPLE_EDIT)
def change_person(call: Call, wanted: PersonChange) -> Person:
    """Change a person. Recordings are found by the new name, and kept by the rules of the new group."""
    return change(call, call.id, wanted)


@operations.write("/admin/person/{id:str}", method="DELETE", right=Right.PEOPLE_EDIT)
def end_person(call: Call) -> PersonId:
    """Make a person inactive. Nothing is lost: recordings, endpoints and groups stay as they are."""
    change(call, call.id, PersonChange(is_active=False))
    return PersonId(id=call.id)


ROUTES = [list_people, add_person, change_person, end_person]
