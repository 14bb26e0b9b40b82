"""Changing a person: the row, its endpoints and groups, and the text index."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, select, update

from earwitness.archive.ledger.touched import touch
from earwitness.archive.people.endpoints import find_or_add_endpoint
from earwitness.archive.people.groups import assign_groups
from earwitness.archive.people.owned_endpoints import fold_owned, owned_by
from earwitness.archive.people.people import folded_email, folded_name
from earwitness.archive.recordings.retention_groups import LASTS
from earwitness.archive.schema.people import endpoints, people, retention_groups
from earwitness.archive.spelling.addresses import is_withheld
from earwitness.archive.substrings.writing import fold_people
from earwitness.archive.text.reindexing import index_anew
from earwitness.kernel.errors import BadRequest, Conflict, Fault, NotFound

Address = tuple[str, str]
"""The type and the value of an endpoint."""


def change_person(
    connection: Connection,
    person_id: int,
    *,
    addresses: Sequence[Address] | None = None,
    groups: Sequence[tuple[str, str]] | None = None,
    order: Callable[..., int],
    total: int = 0,
    **columns: Any,
) -> None:
    """Change what is given; `columns` are columns of the table. What is not given stays.

    `order` orders a job of the account, as `Call.order` does; `total` is for `index_anew`.

    `addresses` are all the endpoints that the person owns from now on, `groups` all its groups and values.
    The recordings of the person are found by its new name. A new retention group is for the caller to judge
    and to finish, by `recordings/retention_changes.py`.
    Raises NotFound, BadRequest naming each value that is not possible, and Conflict for what is another
    person's.
    """
    before = connection.execute(select(people).where(people.c.id == person_id)).one_or_none()
    if before is None:
        raise NotFound(f"There is no person {person_id}.")
    _check(connection, columns, addresses or ())
    _check_third_party_id(connection, person_id, columns.get("third_party_id"))
    renames = "full_name" in columns or addresses is not None
    owned = owned_by(connection, person_id) if renames else set()
    if columns:
        columns |= _folded(columns)
        if "retention_group_id" in columns:
            groups_of = {before.retention_group_id, columns["retention_group_id"]} - {None}
            touch(connection, "RetentionGroup", groups_of)
        connection.execute(update(people).where(people.c.id == person_id).values(columns))
    if addresses is not None:
        _set_endpoints(connection, person_id, addresses)
    if groups is not None:
        assign_groups(connection, person_id, groups)
    changed = {name for name, value in columns.items() if value != before._mapping[name]}
    if renames:
        fold_owned(connection, person_id, owned, order)
    fold_people(connection, [person_id])
    if changed & {"full_name", "email"}:
        index_anew(connection, "person", person_id, order, total)


def _check(connection: Connection, columns: dict[str, Any], addresses: Sequence[Address]) -> None:
    faults = []
    if "full_name" in columns and not columns["full_name"].strip():
        faults.append(Fault("fullName", "expected a name"))
    if (group_id := columns.get("retention_group_id")) is not None:
        known = select(retention_groups.c.id).where(retention_groups.c.id == group_id, LASTS)
        if connection.scalar(known) is None:
            faults.append(Fault("retentionGroupId", f"there is no retention group {group_id}"))
    faults += [
        Fault(f"endpoints[{index}].endpoint", "expected an address of somebody: this one names nobody")
        for index, address in enumerate(addresses)
        if is_withheld(*address)
    ]
    if faults:
        raise BadRequest.of(*faults)


def _check_third_party_id(connection: Connection, person_id: int, third_party_id: str | None) -> None:
    if not third_party_id:
        return
    same = select(people.c.id).where(people.c.third_party_id == third_party_id, people.c.id != person_id)
    if (other := connection.scalar(same)) is not None:
        raise Conflict(f"Person {other} already has the thirdPartyId {third_party_id}.")


def _folded(columns: dict[str, Any]) -> dict[str, Any]:
    """The columns by which people are found and ordered, for those that change."""
    folded = {}
    if "full_name" in columns:
        folded["full_name_folded"] = folded_name(columns["full_name"])
    if "email" in columns:
        folded["email_folded"] = columns["email"] and folded_email(columns["email"])
    return folded


def _set_endpoints(connection: Connection, person_id: int, addresses: Sequence[Address]) -> None:
    """Make a person the owner of these endpoints, and of no others."""
    endpoint_ids = []
    for type_, value in addresses:
        endpoint = find_or_add_endpoint(connection, type_, value)
        if endpoint.owner is not None and endpoint.owner.id != person_id:
            raise Conflict(f"The endpoint {value} is owned by person {endpoint.owner.id}.")
        endpoint_ids.append(endpoint.id)
    touch(connection, "Endpoint", owned_by(connection, person_id).symmetric_difference(endpoint_ids))
    owned = endpoints.c.owned_by_person_id
    connection.execute(update(endpoints).where(owned == person_id).values(owned_by_person_id=None))
    connection.execute(
        update(endpoints).where(endpoints.c.id.in_(endpoint_ids)).values(owned_by_person_id=person_id)
    )
