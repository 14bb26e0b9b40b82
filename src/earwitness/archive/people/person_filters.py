"""The filters of people.search and people.searchByName, and finding the people that meet them."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType
from sqlalchemy import Column, ColumnElement, Connection, Select, exists, select, union_all

from earwitness.archive.database.in_list import among
from earwitness.archive.database.paging import page_of, slice_of
from earwitness.archive.people.people import folded_email, in_order
from earwitness.archive.recordings.retention_groups import is_in
from earwitness.archive.schema.folded import folded_people
from earwitness.archive.schema.people import (
    endpoints,
    group_assignments,
    group_names,
    group_values,
    people,
    users,
)
from earwitness.archive.spelling.addresses import normalise
from earwitness.archive.spelling.names import fold_name
from earwitness.archive.substrings.asking import Part, holding, word_or_number
from earwitness.archive.substrings.folded import beginnings_asked, in_words
from earwitness.archive.substrings.progress import are_folded
from earwitness.archive.substrings.words import (
    FreeText,
    begins_a_word,
    contains_all,
    search_words,
    values_in,
)
from earwitness.kernel.errors import BadRequest, Fault
from earwitness.kernel.wire import Id, Ids, Names, Page, PageSize, Wire

PersonType = Literal["staff", "external"]
DEFAULT_PAGE_SIZE = 25


class GroupFilter(Wire):
    """A group that a person is in, by the names or the ids of it and of its value."""

    group_name: str | None = None
    group_name_id: Id | None = None
    group_value: str | None = None
    group_value_id: Id | None = None


class PeopleSearch(Wire):
    """Which people. Every field is optional; all that are given must be met."""

    free_text: FreeText | None = None
    person_type: PersonType | None = None
    person_ids: Ids | None = None
    third_party_ids: Names | None = None
    emails: Names | None = None
    group_assignment: Annotated[list[GroupFilter], Meta(max_length=100)] | None = None
    retention_group_id: Id | UnsetType | None = UNSET
    byo_storage_account_id: Id | UnsetType | None = UNSET
    include_interactions: bool | None = None
    only_return_non_associated: bool | None = None
    is_active: bool | None = None
    page: Page | None = None
    page_size: PageSize | None = None


class PeopleSearchByName(Wire):
    """The beginning of a word of the name, and which people."""

    person_type: PersonType
    prefix: FreeText | None = None
    is_active: bool | None = None
    page: Page | None = None
    page_size: PageSize | None = None


def find_people(connection: Connection, search: PeopleSearch) -> tuple[list[int], int]:
    """A page of ids by folded full name, and the exact total. Raises BadRequest for an empty group filter."""
    matching = select(people.c.id).where(*_conditions(search)).order_by(*in_order(connection))
    page, size = search.page or 1, search.page_size or DEFAULT_PAGE_SIZE
    words = search_words(search.free_text)
    if words and not are_folded(connection, "people"):
        return slice_of(_holding(connection, matching, words), page, size)
    if words:
        text, numbers = folded_people.c.text, folded_people.c.numbers
        parts = [word_or_number(text, numbers, word) for word in words]
        matching = matching.where(holding(connection, "people", people.c.id, parts))
    return page_of(connection, matching, page, size, is_costly=bool(words))


def find_people_by_name(connection: Connection, search: PeopleSearchByName) -> tuple[list[int], int]:
    """A page of ids of people with a word in their full name that begins so, and the exact total."""
    matching = select(people.c.id).where(people.c.person_type == search.person_type)
    if search.is_active is not None:
        matching = matching.where(people.c.is_active == search.is_active)
    matching = matching.order_by(*in_order(connection))
    page, size = search.page or 1, search.page_size or DEFAULT_PAGE_SIZE
    prefix = in_words(fold_name(search.prefix or ""))
    if prefix and not are_folded(connection, "people"):
        names = connection.execute(matching.add_columns(people.c.full_name_folded))
        return slice_of([row[0] for row in names if begins_a_word(prefix, in_words(row[1]))], page, size)
    if prefix:
        parts = [Part(folded_people.c.names, beginning) for beginning in beginnings_asked(prefix)]
        matching = matching.where(holding(connection, "people", people.c.id, [parts]))
    return page_of(connection, matching, page, size, is_costly=bool(prefix))


def _conditions(search: PeopleSearch) -> Iterator[ColumnElement[bool]]:
    if search.person_type is not None:
        yield people.c.person_type == search.person_type
    if search.person_ids:
        yield among(people.c.id, search.person_ids)
    if search.third_party_ids:
        yield among(people.c.third_party_id, search.third_party_ids)
    if search.emails:
        yield _has_email(search.emails)
    if search.is_active is not None:
        yield people.c.is_active == search.is_active
    if search.only_return_non_associated:
        yield ~exists(select(1).where(users.c.person_id == people.c.id))
    if search.retention_group_id is not UNSET:
        yield is_in(search.retention_group_id)
    yield from _is(people.c.byo_storage_account_id, search.byo_storage_account_id)
    for index, group in enumerate(search.group_assignment or []):
        yield _in_group(group, f"groupAssignment[{index}]")


def _is(column: Column[Any], value: int | UnsetType | None) -> Iterator[ColumnElement[bool]]:
    if value is None:
        yield column.is_(None)
    elif value is not UNSET:
        yield column == value


def _has_email(emails: Sequence[str]) -> ColumnElement[bool]:
    """The person's own email is one of these, or an email endpoint that the person owns is."""
    owned = select(endpoints.c.owned_by_person_id).where(
        endpoints.c.type == "email",
        endpoints.c.owned_by_person_id.is_not(None),
        among(endpoints.c.normalised, [normalise("email", email) for email in emails]),
    )
    who = people.alias()
    own = select(who.c.id).where(among(who.c.email_folded, [folded_email(email) for email in emails]))
    return people.c.id.in_(union_all(own, owned))  # for one or the other, PostgreSQL would read all people


def _in_group(group: GroupFilter, path: str) -> ColumnElement[bool]:
    given = {
        group_names.c.name: group.group_name,
        group_names.c.id: group.group_name_id,
        group_values.c.value: group.group_value,
        group_values.c.id: group.group_value_id,
    }
    conditions = [column == value for column, value in given.items() if value is not None]
    if not conditions:
        raise BadRequest.of(Fault(path, "expected groupName or groupNameId, groupValue or groupValueId"))
    return people.c.id.in_(
        select(group_assignments.c.person_id)
        .join(group_values, group_values.c.id == group_assignments.c.group_value_id)
        .join(group_names, group_names.c.id == group_values.c.group_name_id)
        .where(*conditions)
    )


def _holding(connection: Connection, matching: Select[Any], words: list[str]) -> list[int]:
    """The same by reading every person, until the texts of all are folded."""
    texts = matching.add_columns(
        people.c.full_name, people.c.email, people.c.third_party_id, people.c.metadata
    )
    addresses: dict[int, list[str]] = defaultdict(list)
    numbers: dict[int, list[str]] = defaultdict(list)
    owned = select(endpoints).where(endpoints.c.owned_by_person_id.is_not(None))
    for row in connection.execute(owned):
        addresses[row.owned_by_person_id].append(row.endpoint)
        if row.type == "phone":
            numbers[row.owned_by_person_id].append(row.normalised)
    return [
        row.id
        for row in connection.execute(texts)
        if contains_all(
            words,
            [row.full_name, row.email, row.third_party_id, *addresses[row.id], *values_in(row.metadata)],
            numbers[row.id],
        )
    ]
