"""People: finding the person that a source names, or adding it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Text, bindparam, func, insert, select, update

from earwitness.archive.database.in_list import among, as_list
from earwitness.archive.ledger.touched import touch
from earwitness.archive.schema.people import people
from earwitness.archive.spelling.identifiers import folded_identifier
from earwitness.archive.spelling.names import fold_name
from earwitness.archive.substrings.writing import fold_people
from earwitness.kernel.wire import LONGEST_WORD


def in_order(connection: Connection) -> tuple[ColumnElement[Any], ...]:
    """The order of people: by folded full name, the same on every database, then by id."""
    name = people.c.full_name_folded
    return (name.collate("C") if connection.dialect.name == "postgresql" else name), people.c.id


def folded_name(full_name: str) -> str:
    """The form in which people are found and ordered. A character such as `㌖` folds to many: it is cut."""
    return fold_name(full_name)[:LONGEST_WORD]


def folded_email(email: str) -> str:
    """The form in which email addresses of people are compared."""
    return folded_identifier(email)[:LONGEST_WORD]


Name = tuple[str | None, str | None]
"""A third-party id and an email. A source may leave out either."""

_NEW = 0


@dataclass(slots=True)
class KnownPerson:
    """A person in the archive, and the names by which the person's recordings are found."""

    id: int
    full_name: str
    email: str | None
    third_party_id: str | None
    is_changed: bool = False
    """Whether this transaction added the person, or gave it its third-party id."""

    def may_be(self, third_party_id: str | None) -> bool:
        """Whether somebody with the same address can be this person: not if both have ids that differ."""
        return third_party_id is None or self.third_party_id in {None, third_party_id}


@dataclass(frozen=True, slots=True)
class DescribedPerson:
    """What else a source says about a person."""

    full_name: str | None
    person_type: str


def find_or_add_people(
    connection: Connection, named: Mapping[Name, DescribedPerson]
) -> dict[Name, KnownPerson]:
    """Find people by third-party id, else by email. Those who are not found are added, in this order.

    A person known by the email alone gets the third-party id. A name without either is left out of the
    result. The caller folds those who are changed, once their endpoints are known.
    """
    by_id, by_email = _by_id(connection, named), _by_email(connection, named)
    identified: list[KnownPerson] = []
    new: list[tuple[KnownPerson, str]] = []
    found: dict[Name, KnownPerson] = {}
    for (third_party_id, email), one in named.items():
        if third_party_id is None and email is None:
            continue
        address = email and folded_email(email)
        person = by_id.get(third_party_id) or by_email.get(address)
        if person is None or not person.may_be(third_party_id):
            full_name = one.full_name or email or third_party_id or ""
            person = KnownPerson(_NEW, full_name, email, third_party_id, is_changed=True)
            new.append((person, one.person_type))
            if address is not None:
                by_email.setdefault(address, person)
        elif third_party_id is not None and person.third_party_id is None:
            person.third_party_id = third_party_id
            person.is_changed = True
            identified.append(person)
        if third_party_id is not None:
            by_id[third_party_id] = person
        found[third_party_id, email] = person
    _identify(connection, [person for person in identified if person.id != _NEW])
    _add(connection, new)
    return found


def _by_id(connection: Connection, names: Iterable[Name]) -> dict[str | None, KnownPerson]:
    ids = {third_party_id for third_party_id, _ in names if third_party_id is not None}
    rows = connection.execute(_OF_IDS, {"ids": as_list(list(ids))}).all() if ids else ()
    return {row.third_party_id: KnownPerson(*row) for row in rows}


def _by_email(connection: Connection, names: Iterable[Name]) -> dict[str | None, KnownPerson]:
    """People by their folded email; the first of several who have it."""
    emails = {folded_email(email) for _, email in names if email is not None}
    rows = connection.execute(_OF_EMAILS, {"emails": as_list(list(emails))}).all() if emails else ()
    return {address: KnownPerson(*known) for address, *known in rows}


def _identify(connection: Connection, persons: Sequence[KnownPerson]) -> None:
    if persons:
        identified = [{"person": person.id, "identity": person.third_party_id} for person in persons]
        connection.execute(_IDENTIFY, identified)
        touch(connection, "Person", [person.id for person in persons])


def _add(connection: Connection, persons: Sequence[tuple[KnownPerson, str]]) -> None:
    """Add people, with their types, and set the id of each."""
    if persons:
        rows = [
            _columns(person.full_name, person_type, person.third_party_id, person.email)
            for person, person_type in persons
        ]
        for (person, _), person_id in zip(persons, connection.scalars(_ADD, rows), strict=True):
            person.id = person_id
            touch(connection, "Person", [person_id])


def add_person(
    connection: Connection,
    *,
    full_name: str,
    person_type: str,
    third_party_id: str | None = None,
    email: str | None = None,
    **others: Any,
) -> int:
    """Add a person; `others` are further columns. Returns its id."""
    row = _columns(full_name, person_type, third_party_id, email) | others
    person_id = int(connection.scalars(_ADD, [row]).one())
    fold_people(connection, [person_id])
    touch(connection, "Person", [person_id])
    return person_id


def _columns(
    full_name: str, person_type: str, third_party_id: str | None, email: str | None
) -> dict[str, Any]:
    return {
        "full_name": full_name,
        "full_name_folded": folded_name(full_name),
        "email": email,
        "email_folded": email and folded_email(email),
        "third_party_id": third_party_id,
        "person_type": person_type,
        "metadata": {},
    }


_KNOWN = people.c.id, people.c.full_name, people.c.email, people.c.third_party_id
_OF_IDS = select(*_KNOWN).where(among(people.c.third_party_id, bindparam("ids", type_=Text)))
_OF_EMAILS = select(people.c.email_folded, *_KNOWN).where(
    people.c.id.in_(
        select(func.min(people.c.id))
        .where(among(people.c.email_folded, bindparam("emails", type_=Text)))
        .group_by(people.c.email_folded)
    )
)
_IDENTIFY = (
    update(people).where(people.c.id == bindparam("person")).values(third_party_id=bindparam("identity"))
)
_ADD = insert(people).returning(people.c.id, sort_by_parameter_order=True)
