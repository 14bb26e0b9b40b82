"""Administration: access policies, each of which limits the recordings that its users see.

A user with access policies cannot change any, or they could widen their own.
"""

from dataclasses import asdict, fields, replace
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, update

from earwitness.archive.access.viewer import PolicyConditions
from earwitness.archive.people.known_people import check_people
from earwitness.archive.schema.people import access_policies, user_policies
from earwitness.kernel.errors import BadRequest, Conflict, Fault, Forbidden, NotFound
from earwitness.kernel.rights import Right
from earwitness.kernel.wire import CommunicationType, Id, Wire, Word
from earwitness.operations import operations
from earwitness.operations.changed_fields import changed_fields
from earwitness.operations.operations import Call

DataGroups = Annotated[
    dict[str, Annotated[list[str], Meta(min_length=1, max_length=1000)]], Meta(max_length=100)
]
PersonIds = Annotated[list[Id], Meta(max_length=1000)]
Types = Annotated[list[CommunicationType], Meta(max_length=100)]

_CONDITIONS = [one.name for one in fields(PolicyConditions)]


class AccessPolicy(Wire):
    """Allows the recordings that meet all of its conditions.

    A recording meets a condition if it has any of its values. A condition without values is ignored.
    """

    id: int
    name: str
    data_groups: dict[str, list[str]]
    person_ids: list[int]
    communication_types: list[str]


class AccessPolicyChange(Wire):
    """The values to change; those left out stay."""

    name: Word | None = None
    data_groups: DataGroups | None = None
    person_ids: PersonIds | None = None
    communication_types: Types | None = None


class AccessPolicyToAdd(AccessPolicyChange):
    """A policy to add, with at least one condition."""

    name: Word


def check_conditions(*structs: type[Wire]) -> None:
    """Raise TypeError unless each has a field for each condition: one without could not be set or read."""
    for struct in structs:
        if set(struct.__struct_fields__) - {"id", "name"} != set(_CONDITIONS):
            raise TypeError(
                f"{struct.__name__} needs the fields of PolicyConditions: {', '.join(_CONDITIONS)}"
            )


check_conditions(AccessPolicy, AccessPolicyChange)


class AccessPolicyId(Wire):
    """The id of the policy."""

    id: int


@operations.read("/admin/accessPolicy", method="GET", right=(Right.USERS_VIEW, Right.USERS_EDIT))
def list_access_policies(call: Call) -> list[AccessPolicy]:
    """List the access policies by id."""
    rows = call.connection.execute(select(access_policies).order_by(access_policies.c.id))
    return [_shown(row) for row in rows]


@operations.write("/admin/accessPolicy", right=Right.USERS_EDIT, status=201, refuses=(Conflict,))
def add_access_policy(call: Call, body: AccessPolicyToAdd) -> AccessPolicyId:
    """Add an access policy; it limits the users whose `policies` name it."""
    _check_is_not_limited(call)
    _check_name(call.connection, body.name)
    conditions = _changed_conditions(call.connection, PolicyConditions(), body)
    added = insert(access_policies).values(name=body.name, conditions=conditions)
    policy_id: int = call.connection.execute(added.returning(access_policies.c.id)).scalar_one()
    call.changed("AccessPolicy", policy_id, changed_fields(body))
    return AccessPolicyId(id=policy_id)


@operations.write("/admin/accessPolicy/{id}", method="PUT", right=Right.USERS_EDIT, refuses=(Conflict,))
def change_access_policy(call: Call, body: AccessPolicyChange) -> AccessPolicy:
    """Change an access policy, for all its users at once."""
    _check_is_not_limited(call)
    this = access_policies.c.id == call.id
    before = _row(call)
    if body.name is not None:
        _check_name(call.connection, body.name, ~this)
    conditions = _changed_conditions(
        call.connection, msgspec.convert(before.conditions, PolicyConditions), body
    )
    changed = {"name": body.name or before.name, "conditions": conditions}
    call.connection.execute(update(access_policies).where(this).values(changed))
    call.changed("AccessPolicy", call.id, changed_fields(body))
    return _shown(_row(call))


@operations.write("/admin/accessPolicy/{id}", method="DELETE", right=Right.USERS_EDIT, refuses=(Conflict,))
def delete_access_policy(call: Call) -> AccessPolicyId:
    """Delete an access policy that no user has."""
    _check_is_not_limited(call)
    before = _row(call)
    limited = select(func.count()).where(user_policies.c.access_policy_id == call.id)
    if users := call.connection.scalar(limited):
        raise Conflict(
            f"The access policy {before.name} is still assigned to {users} user(s).", code="in-use"
        )
    call.connection.execute(delete(access_policies).where(access_policies.c.id == call.id))
    call.changed("AccessPolicy", call.id, {"name": before.name, "deleted": True})
    return AccessPolicyId(id=call.id)


ROUTES = [list_access_policies, add_access_policy, change_access_policy, delete_access_policy]


def _check_is_not_limited(call: Call) -> None:
    if call.viewer.policies:
        raise Forbidden("Only a user without access policies of their own can change access policies.")


def _row(call: Call) -> Row[Any]:
    found = select(access_policies).where(access_policies.c.id == call.id)
    row = call.connection.execute(found).one_or_none()
    if row is None:
        raise NotFound(f"There is no access policy {call.id}.")
    return row


def _shown(row: Row[Any]) -> AccessPolicy:
    conditions = msgspec.convert(row.conditions, PolicyConditions)
    return AccessPolicy(id=row.id, name=row.name, **asdict(conditions))


def _changed_conditions(
    connection: Connection, before: PolicyConditions, body: AccessPolicyChange
) -> dict[str, Any]:
    """The conditions after a change, as they are stored. Raises BadRequest if none would be left."""
    check_people(connection, "personIds", body.person_ids or [])
    changed = {name: getattr(body, name) for name in _CONDITIONS if getattr(body, name) is not None}
    after = replace(before, **changed)
    if after == PolicyConditions():
        raise BadRequest.of(Fault("", f"expected {_one_of_the_conditions()}"))
    stored: dict[str, Any] = msgspec.to_builtins(after, enc_hook=str)
    return stored


def _one_of_the_conditions() -> str:
    names = dict(
        zip(AccessPolicyChange.__struct_fields__, AccessPolicyChange.__struct_encode_fields__, strict=True)
    )
    *others, last = (names[one] for one in _CONDITIONS)
    return f"{', '.join(others)} or {last}"


def _check_name(connection: Connection, name: str, *but: ColumnElement[bool]) -> None:
    if not name.strip():
        raise BadRequest.of(Fault("name", "expected a name"))
    if connection.scalar(select(access_policies.c.id).where(access_policies.c.name == name, *but)):
        raise Conflict(f"There is already an access policy {name}.")
