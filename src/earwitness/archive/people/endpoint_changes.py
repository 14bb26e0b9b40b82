"""Endpoints that an upgrade merged, as the ledger has it, and pairs that it could not decide on."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from earwitness.archive.database.in_list import among
from earwitness.archive.schema.people import endpoints, people
from earwitness.archive.schema.work import audit_headers, audit_rows
from earwitness.archive.spelling.phone_numbers import FEWEST_DIGITS, calling_code_of
from earwitness.kernel.clock import format_ms
from earwitness.kernel.wire import Wire

BECAME_ONE = "Endpoints that are the same became one"
"""The action's description in the ledger, as migration 0008 writes it."""

_AT_ONCE = 1000
_OWNER = "ownedByPersonId"


class ChangedEndpoint(Wire):
    """An endpoint, and those that were merged into it: each as `{id, endpoint, ownedByPersonId, isPrivate}`.

    `owners_lost` lists the people who owned one of them and do not own it any more; `taken_off`, for withheld
    addresses, from how many recordings each person was removed.
    """

    changed_at: str
    id: int
    type: str
    endpoint: str
    was: list[dict[str, Any]]
    owned_by_person_id: int | None
    is_private: bool
    owners_lost: list[dict[str, int]]
    taken_off: list[dict[str, int]]


class LostEndpoint(Wire):
    """A person who owned an endpoint until it was merged with another person's."""

    endpoint_id: int
    endpoint: str
    person_id: int
    full_name: str
    owned_by_person_id: int | None


class SimilarNumbers(Wire):
    """Two numbers. The first may be the second, written with a `(0)`; the digits alone do not tell."""

    id: int
    endpoint: str
    other_id: int
    other_endpoint: str


_CHANGED = (
    select(audit_rows.c.entity_id, audit_rows.c.metadata, audit_headers.c.inserted_at)
    .join(audit_headers, audit_headers.c.id == audit_rows.c.audit_header_id)
    .where(audit_rows.c.parent_entity_name == "Endpoint", audit_headers.c.description == BECAME_ONE)
    .order_by(audit_rows.c.parent_entity_id, audit_rows.c.id)
)


def changed_endpoints(connection: Connection) -> list[ChangedEndpoint]:
    """The endpoints that an upgrade changed, by id."""
    return [
        msgspec.convert(
            row.metadata | {"id": row.entity_id, "changedAt": format_ms(row.inserted_at)}, ChangedEndpoint
        )
        for row in connection.execute(_CHANGED)
    ]


def lost_endpoints(connection: Connection) -> list[LostEndpoint]:
    """People who lost an endpoint to another person. One is left out once somebody set its owner."""
    candidates = [one for one in changed_endpoints(connection) if one.owned_by_person_id and one.owners_lost]
    settled = _settled(connection, [one.id for one in candidates])
    lost = [
        (one, owner["personId"]) for one in candidates if one.id not in settled for owner in one.owners_lost
    ]
    column = people.c
    named = select(column.id, column.full_name).where(among(column.id, [person_id for _, person_id in lost]))
    names = {row.id: row.full_name for row in connection.execute(named)}
    return [
        LostEndpoint(
            endpoint_id=one.id,
            endpoint=one.endpoint,
            person_id=person_id,
            full_name=names[person_id],
            owned_by_person_id=one.owned_by_person_id,
        )
        for one, person_id in lost
    ]


def _settled(connection: Connection, endpoint_ids: Sequence[int]) -> set[int]:
    """The endpoints whose owner was set, or removed, after they were merged."""
    row = audit_rows.c
    rows = connection.execute(
        select(row.parent_entity_id, row.metadata)
        .where(row.parent_entity_name == "Endpoint", among(row.parent_entity_id, endpoint_ids))
        .order_by(row.id)
    )
    settled: set[int] = set()
    for endpoint_id, told in rows:
        if told and "ownersLost" in told:
            settled.discard(endpoint_id)
        elif told and _OWNER in told:
            settled.add(endpoint_id)
    return settled


def alike_endpoints(connection: Connection) -> list[SimilarNumbers]:
    """Pairs of phone numbers that may be one, which an earlier version kept with and without `(0)`."""
    found: list[SimilarNumbers] = []
    column = endpoints.c
    for part in _with_a_zero(connection):
        others = select(column.normalised, column.id, column.endpoint).where(
            column.type == "phone", among(column.normalised, [without for *_, without in part])
        )
        known = {row.normalised: row for row in connection.execute(others)}
        found += [
            SimilarNumbers(id=id_, endpoint=number, other_id=other.id, other_endpoint=other.endpoint)
            for id_, number, without in part
            if (other := known.get(without))
        ]
    return found


def _with_a_zero(connection: Connection) -> Iterator[list[tuple[int, str, str]]]:
    """The numbers with a 0 after their calling code, each with the number without it, in batches."""
    numbers = connection.execute(
        select(endpoints.c.id, endpoints.c.normalised)
        .where(endpoints.c.type == "phone", endpoints.c.normalised.like("%0%"))
        .order_by(endpoints.c.id)
    )
    for rows in numbers.partitions(_AT_ONCE):
        part = []
        for id_, number in rows:
            code = calling_code_of(number)
            if code and number.startswith("0", len(code)) and len(number) > FEWEST_DIGITS + len(code):
                part.append((id_, number, code + number[len(code) + 1 :]))
        if part:
            yield part
