"""Endpoints: the addresses that people communicate from. All spellings of an address are one row."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, Text, and_, bindparam, delete, insert, select

from earwitness.archive.database.in_list import among, as_list
from earwitness.archive.database.json_columns import as_array, as_object
from earwitness.archive.ledger.touched import touch
from earwitness.archive.people.people import KnownPerson
from earwitness.archive.schema.people import endpoint_aliases, endpoints, people
from earwitness.archive.spelling.addresses import WITHHELD, normalise, shown
from earwitness.archive.substrings.writing import fold_endpoints, fold_people
from earwitness.kernel.wire import Wire


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
    touch(connection, "Endpoint", [endpoint_id])
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
    connection: Connection, named: Iterable[tuple[str, str]], found: str | None = None
) -> dict[tuple[str, str], KnownEndpoint]:
    """The endpoints of addresses, each given as type and value. Two spellings of one give the same object.

    `found` is what `FOUND` has of them, if the caller has looked it up. The caller folds the new ones, once
    their owners are known.
    """
    addresses = {one: (one[0], normalise(*one)) for one in dict.fromkeys(named)}
    column = endpoints.c
    if found is None:
        found = connection.execute(_FOUND, endpoints_named(addresses)).scalar_one()
    known = {(one.type, one.normalised): one.known() for one in _decode(found)}
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
            touch(connection, "Endpoint", [row.id])
    return {one: known[address] for one, address in addresses.items()}


class _Found(Wire):
    """An endpoint as the database gives it, with its owner."""

    type: str
    id: int
    endpoint: str
    normalised: str
    is_private: bool
    owner_id: int | None
    full_name: str | None
    email: str | None
    third_party_id: str | None

    def known(self) -> KnownEndpoint:
        owner = None
        if self.owner_id is not None:
            owner = KnownPerson(self.owner_id, self.full_name or "", self.email, self.third_party_id)
        return KnownEndpoint(self.id, self.endpoint, self.normalised, self.is_private, owner)


_decode = msgspec.json.Decoder(list[_Found]).decode
_COLUMNS = {
    "type": endpoints.c.type,
    "id": endpoints.c.id,
    "endpoint": endpoints.c.endpoint,
    "normalised": endpoints.c.normalised,
    "is_private": endpoints.c.is_private,
    "owner_id": people.c.id,
    "full_name": people.c.full_name,
    "email": people.c.email,
    "third_party_id": people.c.third_party_id,
}
_ROWS = (
    select(*(column.label(name) for name, column in _COLUMNS.items()))
    .outerjoin_from(endpoints, people, people.c.id == endpoints.c.owned_by_person_id)
    .where(AT_ADDRESSES)
    .subquery()
)
FOUND = as_array(as_object(_Found, **{name: _ROWS.c[name] for name in _COLUMNS}))
"""The endpoints of the addresses that `endpoints_named` lists, as a column of another statement."""
_FOUND = select(FOUND)


def endpoints_named(named: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The parameters of `FOUND` for addresses, each given as type and value."""
    return listed({(type_, normalise(type_, value)) for type_, value in named})
