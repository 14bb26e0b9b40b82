"""People: POST /client/people.search, .searchByName and .get."""

from typing import Annotated

from msgspec import Meta
from sqlalchemy import Connection, select

from earwitness.archive.database.in_list import among
from earwitness.archive.people.person_filters import (
    DEFAULT_PAGE_SIZE,
    PeopleSearch,
    PeopleSearchByName,
    find_people,
    find_people_by_name,
)
from earwitness.archive.people.person_records import Person, person_records
from earwitness.archive.schema.people import people
from earwitness.kernel.rights import Right
from earwitness.kernel.wire import Id, Wire
from earwitness.operations import operations
from earwitness.operations.operations import Call

PeopleIds = Annotated[list[Id | str], Meta(max_length=10_000)]


class PersonsPage(Wire):
    """A page of people and the exact total."""

    persons: list[Person]
    total: int
    page: int
    page_size: int


class PersonName(Wire):
    """A person, as selection lists show it."""

    id: int
    full_name: str
    person_type: str
    is_active: bool


class PersonNamesPage(Wire):
    """A page of names and the exact total."""

    persons: list[PersonName]
    total: int
    page: int
    page_size: int


@operations.read("/client/people.search", right=Right.PEOPLE_VIEW)
def search_people(call: Call, body: PeopleSearch) -> PersonsPage:
    """Search people with rich filters."""
    ids, total = find_people(call.connection, body)
    interactions = bool(body.include_interactions)
    return PersonsPage(
        persons=person_records(call.connection, call.viewer, ids, interactions=interactions),
        total=total,
        page=body.page or 1,
        page_size=body.page_size or DEFAULT_PAGE_SIZE,
    )


@operations.read("/client/people.searchByName", right=Right.PEOPLE_VIEW)
def search_people_by_name(call: Call, body: PeopleSearchByName) -> PersonNamesPage:
    """Search people by the beginning of any word of their name."""
    ids, total = find_people_by_name(call.connection, body)
    return PersonNamesPage(
        persons=_names(call.connection, ids),
        total=total,
        page=body.page or 1,
        page_size=body.page_size or DEFAULT_PAGE_SIZE,
    )


@operations.read("/client/people.get", right=Right.PEOPLE_VIEW)
def get_people(call: Call, body: PeopleIds) -> list[Person]:
    """Get people by id or thirdPartyId, each once, in the order asked; unknown ones are left out."""
    third_party_ids = [one for one in body if isinstance(one, str)]
    known = call.connection.execute(
        select(people.c.third_party_id, people.c.id).where(among(people.c.third_party_id, third_party_ids))
    )
    id_of = {row.third_party_id: row.id for row in known}
    ids = [one if isinstance(one, int) else id_of.get(one, 0) for one in body]
    return person_records(call.connection, call.viewer, list(dict.fromkeys(ids)))


ROUTES = [search_people, search_people_by_name, get_people]


def _names(connection: Connection, ids: list[int]) -> list[PersonName]:
    """The people of these ids, in their order."""
    rows = {row.id: row for row in connection.execute(select(people).where(among(people.c.id, ids)))}
    return [
        PersonName(id=row.id, full_name=row.full_name, person_type=row.person_type, is_active=row.is_active)
        for row in map(rows.__getitem__, ids)
    ]
