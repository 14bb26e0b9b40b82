"""People: finding the one that a source speaks of, or adding it."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Connection, Text, bindparam, func, insert, select, update

from earwitness.archive.among import among, as_list
from earwitness.archive.schema.people import people
from earwitness.archive.text import fold


def in_order(connection: Connection) -> tuple[ColumnElement[Any], ...]:
    """The order of people: by folded full name, the same on every database, then by id."""
    name = people.c.full_name_folded
    return (name.collate("C") if connection.dialect.name == "postgresql" else name), people.c.id


def find_people(
    connection: Connection, named: Iterable[tuple[str | None, str | None]]
) -> dict[tuple[str | None, str | None], int]:
    """The people of these third-party ids and emails whom `find_or_add_person` would find unchanged."""
    named = set(named)
    ids = {third_party_id for third_party_id, _ in named if third_party_id is not None}
    emails = {email.casefold() for third_party_id, email in named if third_party_id is None and email}
    by_id = dict(connection.execute(_BY_ID, {"ids": as_list(list(ids))}).all()) if ids else {}
    by_email = dict(connection.execute(_BY_EMAIL, {"emails": as_list(list(emails))}).all()) if emails else {}
    found = {
        (third_party_id, email): by_email.get(email and email.casefold())
        if third_party_id is None
        else by_id.get(third_party_id)
        for third_party_id, email in named
    }
    return {one: person_id for one, person_id in found.items() if person_id is not None}


_BY_ID = select(people.c.third_party_id, people.c.id).where(
    among(people.c.third_party_id, bindparam("ids", type_=Text))
)
_BY_EMAIL = (
    select(people.c.email_folded, func.min(people.c.id))
    .where(among(people.c.email_folded, bindparam("emails", type_=Text)))
    .group_by(people.c.email_folded)
)
_FIRST_BY_EMAIL = (
    select(people.c.id, people.c.third_party_id)
    .where(people.c.email_folded == bindparam("email"))
    .order_by(people.c.id)
    .limit(1)
)


def find_or_add_person(
    connection: Connection,
    *,
    third_party_id: str | None,
    email: str | None,
    full_name: str | None,
    person_type: str,
) -> int | None:
    """The person with this third-party id, else with this email; added if there is none.

    A person known by the email alone is given the third-party id. Without either, there is no telling
    who it is: None.
    """
    if third_party_id is not None:
        by_id = connection.execute(_BY_ID, {"ids": as_list([third_party_id])}).first()
        if by_id is not None:
            return int(by_id.id)
    if email is not None:
        found = connection.execute(_FIRST_BY_EMAIL, {"email": email.casefold()}).first()
        if found is not None and third_party_id is None:
            return int(found.id)
        if found is not None and found.third_party_id is None:
            connection.execute(
                update(people).where(people.c.id == found.id).values(third_party_id=third_party_id)
            )
            return int(found.id)
    if third_party_id is None and email is None:
        return None
    return add_person(
        connection,
        third_party_id=third_party_id,
        email=email,
        full_name=full_name or email or third_party_id or "",
        person_type=person_type,
    )


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
