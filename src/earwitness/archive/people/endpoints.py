"""Endpoints: the addresses that people communicate from. All spellings of an address are one row."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Text, and_, bindparam, delete, insert, select

from earwitness.archive.database.in_list import among, as_list
from earwitness.archive.people.people import KnownPerson
from earwitness.archive.schema.people import endpoint_aliases, endpoints, people
from earwitness.archive.spelling.addresses import WITHHELD, normalise, shown
from earwitness.archive.substrings.writing import fold_endpoints, fold_people


def find_endpoint(connection: Connection, endpoint_type: str, value: str) -> Any:
    """The row of an endpoint, for any spelling of its value; None if there is none."""
    return connection.execute(
        select(endpoints).where(
            endpoints.c.type == endpoint_type, endpoints.c.normalised == normalise(endpoint_type, value)
        )
    ).one_or_none()


def forget_endpoint(connection: Connection, endpoint_id: int) -> None:
    """Delete an endpoint that nothing refers to, and its aliases."""
    connection.execute(delete(endpoint_aliases).where(endpoint_aliases.c.endpoint_id == endpoint_id))
    owner = select(endpoints.c.owned_by_person_id).where(endpoints.c.id == endpoint_id)
    owner_id = connection.scalar(owner)
    connection.execute(delete(endpoints).where(endpoints.c.id == endpoint_id))
    if owner_id is not None:
        fold_people(connection, [owner_id])


AT_ADDRESSES = and_(
    among(endpoints.c.type, bindparam("types", type_=Text)),
    among(endpoints.c.normalised, bindparam("values", type_=Text)),
)
"""The condition that an endpoint has one of some types and one of some normalised values, from `listed`.

The index begins with the type: with the values alone, SQLite would read all endpoints.
"""


def listed(addresses: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The parameters of `AT_ADDRESSES` for pairs of type and normalised value."""
    pairs = list(addresses)
    return {
        "types": as_list(sorted({type_ for type_, _ in pairs})),
        "values": as_list([value for _, value in pairs]),
    }


@dataclass(slots=True)
class KnownEndpoint:
    """An endpoint in the archive, how it is written, and who owns it."""

    id: int
    endpoint: str
    normalised: str
    is_private: bool
    owner: KnownPerson | None
    is_new: bool = False
    """Whether this transaction added it."""

    @property
    def is_withheld(self) -> bool:
        """Whether it stands for all withheld addresses. Nobody can own it."""
        return self.normalised == WITHHELD


def find_or_add_endpoint(connection: Connection, endpoint_type: str, value: str) -> KnownEndpoint:
    """The endpoint of this address. A new one is added."""
    named = (endpoint_type, value)
    found = find_or_add_endpoints(connection, [named])[named]
    if found.is_new:
        fold_endpoints(connection, [found.id])
    return found


def find_or_add_endpoints(
    connection: Connection, named: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], KnownEndpoint]:
    """The endpoints of addresses, each given as type and value. Two spellings of one give the same object.

    The caller folds the new ones, once their owners are known.
    """
    addresses = {one: (one[0], normalise(*one)) for one in dict.fromkeys(named)}
    column = endpoints.c
    known: dict[tuple[str, str], KnownEndpoint] = {}
    rows = connection.execute(_KNOWN, listed(addresses.values())).all()
    for type_, endpoint_id, shown_as, normalised, is_private, *owner in rows:
        owned_by = None if owner[0] is None else KnownPerson(*owner)
        known[type_, normalised] = KnownEndpoint(endpoint_id, shown_as, normalised, is_private, owned_by)
    new: dict[tuple[str, str], dict[str, Any]] = {}
    for one, address in addresses.items():
        if address not in known and address not in new:
            new[address] = {
                "type": address[0],
                "endpoint": shown(*one),
                "normalised": address[1],
                "metadata": {},
            }
    if new:
        added = insert(endpoints).returning(column.id, column.type, column.endpoint, column.normalised)
        for row in connection.execute(added, list(new.values())):
            known[row.type, row.normalised] = KnownEndpoint(
                row.id, row.endpoint, row.normalised, False, None, is_new=True
            )
    return {one: known[address] for one, address in addresses.items()}


_KNOWN = (
    select(
        endpoints.c.type,
        endpoints.c.id,
        endpoints.c.endpoint,
        endpoints.c.normalised,
        endpoints.c.is_private,
        people.c.id,
        people.c.full_name,
        people.c.email,
        people.c.third_party_id,
    )
    .outerjoin_from(endpoints, people, people.c.id == endpoints.c.owned_by_person_id)
    .where(AT_ADDRESSES)
)
