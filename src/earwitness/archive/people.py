"""People: finding the one that a source speaks of, or adding it."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, insert, select, update

from earwitness.archive.schema.people import people
from earwitness.archive.text import fold


def in_order(connection: Connection) -> tuple[ColumnElement[Any], ...]:
    """The order of people: by folded full name, the same on every database, then by id."""
    name = people.c.full_name_folded
    return (name.collate("C") if connection.dialect.name == "postgresql" else name), people.c.id


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
        known = connection.scalar(select(people.c.id).where(people.c.third_party_id == third_party_id))
        if known is not None:
            return int(known)
    if email is not None:
        found = connection.execute(
            select(people.c.id, people.c.third_party_id)
            .where(people.c.email_folded == email.casefold())
            .order_by(people.c.id)
        ).first()
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
    return int(
        connection.execute(
            insert(people)
            .values(
                full_name=full_name,
                full_name_folded=fold(full_name),
                email=email,
                email_folded=email and email.casefold(),
                third_party_id=third_party_id,
                person_type=person_type,
                **({"metadata": {}} | others),
            )
            .returning(people.c.id)
        ).scalar_one()
    )
