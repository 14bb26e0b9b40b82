"""Retention groups: GET /admin/retentionGroup, and changing them."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from msgspec import Meta
from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from earwitness.archive.database.in_list import among
from earwitness.archive.people.known_people import check_people
from earwitness.archive.recordings.retention import Durations, Rules, rules_of
from earwitness.archive.recordings.retention_changes import (
    NEW_GROUP,
    Judged,
    begin,
    finish,
    judge,
    move_people,
)
from earwitness.archive.recordings.retention_groups import LASTS, MOST_MOVED_AT_ONCE, end_group
from earwitness.archive.schema.people import account, people, retention_groups
from earwitness.kernel.errors import BadRequest, Conflict, Fault, NotFound
from earwitness.kernel.rights import Right
from earwitness.kernel.strict_json import printable
from earwitness.kernel.wire import Ids, Wire, Word
from earwitness.operations import operations
from earwitness.operations.changed_fields import changed_fields
from earwitness.operations.operations import Answer, Call, with_pending

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


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A change that was judged: who comes or leaves, and the group afterwards (a deleted one: before)."""

    judged: Judged
    moved: Mapping[int, int | None]
    after: RetentionGroup | None = None


@operations.read("/admin/retentionGroup", method="GET", right=Right.RETENTION_GROUP_VIEW)
def list_retention_groups(call: Call) -> RetentionGroups:
    """List retention groups."""
    default = call.connection.execute(select(account.c.default_retention)).scalar_one()
    return RetentionGroups(account_default=default, retention_groups=_groups(call.connection))


def _prepare_addition(call: Call, body: RetentionGroupToAdd) -> _Prepared:
    _check_days("retentionGroup", body.retention_group)
    _check_name(call.connection, body.name)
    rules = rules_of(call.connection)
    groups = {**rules.groups, NEW_GROUP: body.retention_group}
    check_people(call.connection, "peopleIds", body.people_ids or [])
    moved = _moves(NEW_GROUP, (), body.people_ids or ())
    return _judged(call.connection, rules, replace(rules, groups=groups, moved=moved))


@operations.write(
    "/admin/retentionGroup",
    right=Right.RETENTION_GROUP_EDIT,
    status=201,
    refuses=(Conflict,),
    pends=True,
    prepare=_prepare_addition,
)
def add_retention_group(call: Call, body: RetentionGroupToAdd) -> Answer[RetentionGroupId]:
    """Add a retention group; the recordings of its people are kept by it from now on."""
    prepared: _Prepared = call.prepared
    begin(call.connection, prepared.judged)
    _check_name(call.connection, body.name)
    added = insert(retention_groups).values(name=body.name, retention_group=body.retention_group)
    group_id: int = call.connection.execute(added.returning(retention_groups.c.id)).scalar_one()
    move_people(call.connection, dict.fromkeys(prepared.moved, group_id))
    job_id = finish(call.connection, prepared.judged, call.order, call.entries)
    call.changed("RetentionGroup", group_id, changed_fields(body))
    return with_pending(RetentionGroupId(id=group_id), job_id, status=201)


def _prepare_change(call: Call, body: RetentionGroupChange) -> _Prepared:
    before = _group(call)
    if body.name is not None:
        _check_name(call.connection, body.name, retention_groups.c.id != call.id)
    if body.retention_group is not None:
        _check_days("retentionGroup", body.retention_group)
    after = RetentionGroup(
        id=call.id,
        name=before.name if body.name is None else body.name,
        retention_group=before.retention_group if body.retention_group is None else body.retention_group,
        people_ids=before.people_ids if body.people_ids is None else sorted({*body.people_ids}),
    )
    rules = rules_of(call.connection)
    check_people(call.connection, "peopleIds", body.people_ids or [])
    moved = _moves(call.id, before.people_ids, after.people_ids)
    _check_leaving(moved)
    changed = replace(rules, groups={**rules.groups, call.id: after.retention_group}, moved=moved)
    stayed = () if after.retention_group == before.retention_group else before.people_ids
    return replace(_judged(call.connection, rules, changed, stayed), after=after)


@operations.write(
    "/admin/retentionGroup/{id}",
    method="PUT",
    right=Right.RETENTION_GROUP_EDIT,
    refuses=(Conflict,),
    pends=True,
    prepare=_prepare_change,
)
def change_retention_group(call: Call, body: RetentionGroupChange) -> Answer[RetentionGroup]:
    """Change a retention group, its days or its people; recordings are kept accordingly from now on."""
    this, prepared = retention_groups.c.id == call.id, call.prepared
    begin(call.connection, prepared.judged)
    if body.name is not None:
        _check_name(call.connection, body.name, ~this)
        call.connection.execute(update(retention_groups).where(this).values(name=body.name))
    if body.retention_group is not None:
        days = update(retention_groups).where(this).values(retention_group=body.retention_group)
        call.connection.execute(days)
    move_people(call.connection, prepared.moved)
    job_id = finish(call.connection, prepared.judged, call.order, call.entries)
    call.changed("RetentionGroup", call.id, changed_fields(body))
    return with_pending(prepared.after, job_id)


def _prepare_deletion(call: Call) -> _Prepared:
    before = _group(call)
    rules = rules_of(call.connection)
    groups = {one: days for one, days in rules.groups.items() if one != call.id}
    changed = replace(rules, groups=groups, moved=dict.fromkeys(before.people_ids))
    return replace(_judged(call.connection, rules, changed), after=before)


@operations.write(
    "/admin/retentionGroup/{id}",
    method="DELETE",
    right=Right.RETENTION_GROUP_EDIT,
    refuses=(Conflict,),
    pends=True,
    prepare=_prepare_deletion,
)
def delete_retention_group(call: Call) -> Answer[RetentionGroupId]:
    """Delete a retention group; the account default applies to its people from now on."""
    prepared = call.prepared
    begin(call.connection, prepared.judged)
    if len(prepared.moved) <= MOST_MOVED_AT_ONCE:
        move_people(call.connection, prepared.moved)
        call.connection.execute(delete(retention_groups).where(retention_groups.c.id == call.id))
    else:
        end_group(call.connection, call.id)
        call.order("leaving", {"group": call.id}, total=len(prepared.moved))
    job_id = finish(call.connection, prepared.judged, call.order, call.entries)
    call.changed("RetentionGroup", call.id, {"name": prepared.after.name, "deleted": True})
    return with_pending(RetentionGroupId(id=call.id), call.last_ordered or job_id)


def _prepare_default(call: Call, body: Days) -> _Prepared:
    path, days = _sent_default(body)
    _check_days(path, days)
    rules = rules_of(call.connection)
    return _Prepared(judge(call.connection, rules, replace(rules, default=days), None), {})


@operations.write(
    "/admin/retentionGroup/accountDefault",
    method="PUT",
    right=Right.RETENTION_GROUP_EDIT,
    refuses=(Conflict,),
    pends=True,
    prepare=_prepare_default,
)
def set_account_default(call: Call, body: Days) -> Answer[Durations]:
    """Set the days for people who are in no group. They are sent as listed, or under `retentionGroup`."""
    _, days = _sent_default(body)
    prepared: _Prepared = call.prepared
    begin(call.connection, prepared.judged)
    call.connection.execute(update(account).values(default_retention=days))
    job_id = finish(call.connection, prepared.judged, call.order, call.entries)
    call.changed("Account", call.viewer.client_id, {"accountDefault": days})
    return with_pending(days, job_id)


ROUTES = [
    list_retention_groups,
    add_retention_group,
    set_account_default,
    change_retention_group,
    delete_retention_group,
]


def _groups(connection: Connection, *which: ColumnElement[bool]) -> list[RetentionGroup]:
    """Groups by id, with their people by id."""
    lasting = select(retention_groups).where(LASTS, *which).order_by(retention_groups.c.id)
    rows = connection.execute(lasting).all()
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


def _moves(group_id: int, before: Collection[int], after: Collection[int]) -> dict[int, int | None]:
    """The people who come into a group or leave it, with the group that they have then."""
    came = sorted({*after} - {*before})
    return dict.fromkeys(sorted({*before} - {*after})) | dict.fromkeys(came, group_id)


def _check_leaving(moved: Mapping[int, int | None]) -> None:
    """Raise Conflict where so many would leave a group that all other writers had to wait for it."""
    leaving = sum(to is None for to in moved.values())
    if leaving > MOST_MOVED_AT_ONCE:
        raise Conflict(
            f"{leaving} people would leave the group at once, and {MOST_MOVED_AT_ONCE} can: put some into "
            "other groups first, or delete the group and add it anew.",
            code="too-many-people",
        )


def _judged(connection: Connection, before: Rules, after: Rules, stayed: Collection[int] = ()) -> _Prepared:
    """A change of people's groups, and of the days of those who stay in one."""
    return _Prepared(judge(connection, before, after, {*after.moved, *stayed}), after.moved)


def _sent_default(body: Days) -> tuple[str, Any]:
    """Where in the body the days are, and the days."""
    path = "retentionGroup" if list(body) == ["retentionGroup"] else ""
    return path, body[path] if path else body


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
