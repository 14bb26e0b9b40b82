"""People: finding the one that a source speaks of, or adding it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Text, bindparam, func, insert, select, update

from earwitness.archive.among import among, as_list
from earwitness.archive.schema.people import people
from earwitness.archive.text import fold


def in_order(connection: Connection) -> tuple[ColumnElement[Any], ...]:
    """The order of people: by folded full name, the same on every database, then by id."""
    name = people.c.full_name_folded
    return (name.collate("C") if connection.dialect.name == "postgresql" else name), people.c.id


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """Somebody who is there, and the names by which recordings of theirs are found."""

    id: int
    full_name: str
    email: str | None


def find_people(
    connection: Connection, named: Iterable[tuple[str | None, str | None]]
) -> dict[tuple[str | None, str | None], KnownPerson]:
    """The people of these third-party ids and emails whom `find_or_add_person` would find unchanged."""
    named = set(named)
    ids = {third_party_id for third_party_id, _ in named if third_party_id is not None}
    emails = {email.casefold() for third_party_id, email in named if third_party_id is None and email}
    by_id = _by_id(connection, list(ids)) if ids else {}
    by_email = {}
    if emails:
        rows = connection.execute(_BY_EMAIL, {"emails": as_list(list(emails))})
        by_email = {email: KnownPerson(*known) for email, _, *known in rows}
    found = {
        (third_party_id, email): by_email.get(email and email.casefold())
        if third_party_id is None
        else by_id.get(third_party_id)
        for third_party_id, email in named
    }
    return {one: known for one, known in found.items() if known is not None}


def _by_id(connection: Connection, third_party_ids: Sequence[str]) -> dict[str | None, KnownPerson]:
    rows = connection.execute(_BY_ID, {"ids": as_list(third_party_ids)})
    return {third_party_id: KnownPerson(*known) for third_party_id, *known in rows}


_KNOWN = people.c.id, people.c.full_name, people.c.email
_BY_ID = select(people.c.third_party_id, *_KNOWN).where(
    among(people.c.third_party_id, bindparam("ids", type_=Text))
)
_BY_EMAIL = select(people.c.email_folded, people.c.third_party_id, *_KNOWN).where(
    people.c.id.in_(  # of those who share an address, the first
        select(func.min(people.c.id))
        .where(among(people.c.email_folded, bindparam("emails", type_=Text)))
        .group_by(people.c.email_folded)
    )
)


def find_or_add_person(
    connection: Connection,
    *,
    third_party_id: str | None,
    email: str | None,
    full_name: str | None,
    person_type: str,
) -> KnownPerson | None:
    """The person with this third-party id, else with this email; added if there is none.

    A person known by the email alone is given the third-party id. Without either, there is no telling
    who it is: None.
    """
    if third_party_id is not None:
        by_id = _by_id(connection, [third_party_id])
        if third_party_id in by_id:
            return by_id[third_party_id]
    if email is not None:
        found = connection.execute(_BY_EMAIL, {"emails": as_list([email.casefold()])}).one_or_none()
        if found is not None and None in {third_party_id, found.third_party_id}:
            if third_party_id is not None:
                this = people.c.id == found.id
                connection.execute(update(people).where(this).values(third_party_id=third_party_id))
            return KnownPerson(found.id, found.full_name, found.email)
    if third_party_id is None and email is None:
        return None
    full_name = full_name or email or third_party_id or ""
    person_id = add_person(
        connection, third_party_id=third_party_id, email=email, full_name=full_name, person_type=person_type
    )
    return KnownPerson(person_id, full_name, email)


def add_person(
    connection: Connection,
    *,
    full_name: str,
    person_type: str,
    third_party_id: str | None = None,
    email: str | None = None,
    **others: Any,
) -> int:
    """Add a person; `others` are further columns. Answers its id."""
    values: dict[str, Any] = {
        "full_name": full_name,
        "full_name_folded": fold(full_name),
        "email": email,
        "email_folded": email and email.casefold(),
        "third_party_id": third_party_id,
        "person_type": person_type,
        "metadata": {},
    }
    return int(connection.execute(_ADD, values | others).scalar_one())


_ADD = insert(people).returning(people.c.id)
