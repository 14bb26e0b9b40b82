"""Retention groups: GET /admin/retentionGroup, and changing them."""

import re
from typing import Annotated, Any

from msgspec import Meta
from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from earwitness.archive.database.in_list import among
from earwitness.archive.people.known_people import check_people
from earwitness.archive.recordings.retention import (
    Durations,
    recompute_for_default,
    recompute_for_people,
)
from earwitness.archive.schema.people import account, people, retention_groups
from earwitness.kernel.errors import BadRequest, Conflict, Fault, NotFound
from earwitness.kernel.rights import Right
from earwitness.kernel.strict_json import printable
from earwitness.kernel.wire import Ids, Wire, Word
from earwitness.operations import operations
from earwitness.operations.changed_fields import changed_fields
from earwitness.operations.operations import Call

_MOST_DAYS = 1_000_000
_MOST_TYPES = 100
_TYPE = "^[a-z][a-z0-9_-]{0,63}$"

# Checked by `_check_days`, so that a fault names the type that it is about.
Days = Annotated[
    dict[str, Any],
    Meta(
        extra_json_schema={
            "required": ["default"],
            "maxProperties": _MOST_TYPES,
            "propertyNames": {"pattern": _TYPE},
            "additionalProperties": {"type": ["integer", "null"], "minimum": 1, "maximum": _MOST_DAYS},
        }
    ),
]


class RetentionGroup(Wire):
    """People, and for how many days recordings are kept whose subject is one of them."""

    id: int
    name: str
    retention_group: Durations
    people_ids: list[int]


class RetentionGroups(Wire):
    """All groups, and what applies to people who are in none."""

    account_default: Durations
    retention_groups: list[RetentionGroup]


class RetentionGroupChange(Wire):
    """The values to change; those left out stay. `peopleIds` replaces all who were in it."""

    name: Word | None = None
    retention_group: Days | None = None
    people_ids: Ids | None = None


class RetentionGroupToAdd(Wire):
    """A group to add. A person is in one group only, and leaves the one they were in."""

    name: Word
    retention_group: Days
    people_ids: Ids | None = None


class RetentionGroupId(Wire):
    """The id of the group."""

    id: int


@operations.read("/admin/retentionGroup", method="GET", right=Right.RETENTION_GROUP_VIEW)
def list_retention_groups(call: Call) -> RetentionGroups:
    """List retention groups."""
    default = call.connection.execute(select(account.c.default_retention)).scalar_one()
    return RetentionGroups(account_default=default, retention_groups=_groups(call.connection))


@operations.write("/admin/retentionGroup", right=Right.RETENTION_GROUP_EDIT, status=201, refuses=(Conflict,))
def add_retention_group(call: Call, body: RetentionGroupToAdd) -> RetentionGroupId:
    """Add a retention group; the recordings of its people are kept by it from now on."""
    _check_days("retentionGroup", body.retention_group)
    _check_name(call.connection, body.name)
    added = insert(retention_groups).values(name=body.name, retention_group=body.retention_group)
    group_id: int = call.connection.execute(added.returning(retention_groups.c.id)).scalar_one()
    recompute_for_people(call.connection, _set_people(call.connection, group_id, body.people_ids or []))
    call.changed("RetentionGroup", group_id, changed_fields(body))
    return RetentionGroupId(id=group_id)


@operations.write(
    "/admin/retentionGroup/{id}", method="PUT", right=Right.RETENTION_GROUP_EDIT, refuses=(Conflict,)
)
def change_retention_group(call: Call, body: RetentionGroupChange) -> RetentionGroup:
    """Change a retention group, its days or its people; recordings are kept accordingly from now on."""
    this = retention_groups.c.id == call.id
    before = _group(call)
    if body.name is not None:
        _check_name(call.connection, body.name, ~this)
        call.connection.execute(update(retention_groups).where(this).values(name=body.name))
    if body.retention_group is not None:
        _check_days("retentionGroup", body.retention_group)
        days = update(retention_groups).where(this).values(retention_group=body.retention_group)
        call.connection.execute(days)
    moved = [] if body.people_ids is None else _set_people(call.connection, call.id, body.people_ids)
    stayed = [] if body.retention_group is None else before.people_ids
    recompute_for_people(call.connection, [*{*moved, *stayed}])
    call.changed("RetentionGroup", call.id, changed_fields(body))
    return _group(call)


@operations.write(
    "/admin/retentionGroup/{id}", method="DELETE", right=Right.RETENTION_GROUP_EDIT, refuses=(Conflict,)
)
def delete_retention_group(call: Call) -> RetentionGroupId:
    """Delete a retention group; the account default applies to its people from now on."""
    before = _group(call)
    moved = _set_people(call.connection, call.id, [])
    call.connection.execute(delete(retention_groups).where(retention_groups.c.id == call.id))
    recompute_for_people(call.connection, moved)
    call.changed("RetentionGroup", call.id, {"name": before.name, "deleted": True})
    return RetentionGroupId(id=call.id)


@operations.write(
    "/admin/retentionGroup/accountDefault",
    method="PUT",
    right=Right.RETENTION_GROUP_EDIT,
    refuses=(Conflict,),
)
def set_account_default(call: Call, body: Days) -> Durations:
    """Set the days for people who are in no group. They are sent as listed, or under `retentionGroup`."""
    path = "retentionGroup" if list(body) == ["retentionGroup"] else ""
    days = body[path] if path else body
    _check_days(path, days)
    call.connection.execute(update(account).values(default_retention=days))
    recompute_for_default(call.connection)
    call.changed("Account", call.viewer.client_id, {"accountDefault": days})
    default: Durations = days
    return default


ROUTES = [
    list_retention_groups,
    add_retention_group,
    set_account_default,
    change_retention_group,
    delete_retention_group,
]


def _groups(connection: Connection, *which: ColumnElement[bool]) -> list[RetentionGroup]:
    """Groups by id, with their people by id."""
    rows = connection.execute(select(retention_groups).where(*which).order_by(retention_groups.c.id)).all()
    group_ids = [row.id for row in rows]
    members: dict[int, list[int]] = {group_id: [] for group_id in group_ids}
    in_them = select(people.c.id, people.c.retention_group_id).where(
        among(people.c.retention_group_id, group_ids)
    )
    for person in connection.execute(in_them.order_by(people.c.id)):
        members[person.retention_group_id].append(person.id)
    return [
        RetentionGroup(
            id=row.id, name=row.name, retention_group=row.retention_group, people_ids=members[row.id]
        )
        for row in rows
    ]


def _group(call: Call) -> RetentionGroup:
    found = _groups(call.connection, retention_groups.c.id == call.id)
    if not found:
        raise NotFound(f"There is no retention group {call.id}.")
    return found[0]


def _set_people(connection: Connection, group_id: int, people_ids: list[int]) -> list[int]:
    """Put exactly these people into a group. Returns those who came or left."""
    check_people(connection, "peopleIds", people_ids)
    after = set(people_ids)
    before = set(connection.scalars(select(people.c.id).where(people.c.retention_group_id == group_id)))
    for moving, to in ((before - after, None), (after - before, group_id)):
        these = among(people.c.id, sorted(moving))
        connection.execute(update(people).where(these).values(retention_group_id=to))
    return sorted(before ^ after)


def _check_name(connection: Connection, name: str, *but: ColumnElement[bool]) -> None:
    if not name.strip():
        raise BadRequest.of(Fault("name", "expected a name"))
    if connection.scalar(select(retention_groups.c.id).where(retention_groups.c.name == name, *but)):
        raise Conflict(f"There is already a retention group {name}.")


def _check_days(path: str, days: Any) -> None:
    """Raise BadRequest naming each type whose days are not valid."""
    if not isinstance(days, dict):
        raise BadRequest.of(Fault(path, "expected days by type of recording"))
    faults = [] if "default" in days else [Fault(_at(path, "default"), "required")]
    faults += [
        Fault(_at(path, printable(name)), "not a valid type of recording")
        for name in days
        if not re.fullmatch(_TYPE, name)
    ]
    faults += [
        Fault(_at(path, printable(name)), f"expected a whole number of days from 1 to {_MOST_DAYS}, or null")
        for name, value in days.items()
        if value is not None and not (type(value) is int and 1 <= value <= _MOST_DAYS)
    ]
    if len(days) > _MOST_TYPES:
        faults.append(Fault(path, f"more than {_MOST_TYPES} types"))
    if faults:
        raise BadRequest.of(*faults[:20])


def _at(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
