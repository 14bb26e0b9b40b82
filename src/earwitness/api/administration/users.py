"""Administration: users. Nobody can give a right, a role or a policy that goes beyond their own."""

from dataclasses import replace
from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType
from sqlalchemy import Connection, select

from earwitness.archive.access import user_changes
from earwitness.archive.access.grants import Grants, check_within, grants_of, only_takes_away
from earwitness.archive.access.user_records import User, user_records
from earwitness.archive.access.usernames import folded
from earwitness.archive.access.users import add_user as add
from earwitness.archive.schema.people import access_policies, people, users
from earwitness.kernel.errors import BadRequest, Conflict, Fault
from earwitness.kernel.faults import nearest
from earwitness.kernel.rights import Right
from earwitness.kernel.wire import Id, Wire, Word, WordOrNothing
from earwitness.operations import operations
from earwitness.operations.changed_fields import changed_fields
from earwitness.operations.operations import Call

Names = Annotated[list[Word], Meta(max_length=100)]

_SHOWN = ("username", "full_name", "email", "external_id", "sso", "audio_playback")


class UserToAdd(Wire):
    """A user to add. `policies` are names; a user without any sees the whole account."""

    username: Word
    roles_and_rights: Names
    full_name: Word | None = None
    email: WordOrNothing | None = None
    external_id: WordOrNothing | None = None
    person_id: Id | None = None
    policies: Names | None = None
    sso: bool | None = None
    audio_playback: Word | None = None


class UserChange(Wire):
    """The values to change; those left out stay.

    An empty `email` or `externalId`, or a `personId` that is null, removes it.
    """

    username: Word | None = None
    roles_and_rights: Names | None = None
    full_name: Word | None = None
    email: WordOrNothing | None = None
    external_id: WordOrNothing | None = None
    person_id: Id | UnsetType | None = UNSET
    policies: Names | None = None
    sso: bool | None = None
    audio_playback: Word | None = None
    is_active: bool | None = None
    is_locked: bool | None = None


class UserId(Wire):
    """The id of the user."""

    id: int


@operations.read("/admin/user", method="GET", right=(Right.USERS_VIEW, Right.USERS_EDIT))
def list_users(call: Call) -> list[User]:
    """List users by id, inactive ones too."""
    user_ids = call.connection.scalars(select(users.c.id).order_by(users.c.id)).all()
    return user_records(call.connection, call.viewer.client_id, user_ids)


@operations.write("/admin/user", right=Right.USERS_EDIT, status=201, refuses=(Conflict,))
def add_user(call: Call, body: UserToAdd) -> UserId:
    """Add a user, with no more rights and no wider policies than your own."""
    connection = call.connection
    policy_ids = _policy_ids(connection, body.policies or [])
    _check_person(connection, body.person_id)
    grants = Grants(
        frozenset(body.roles_and_rights),
        frozenset(policy_ids),
        folded(body.username),
        body.person_id,
    )
    check_within(connection, call.viewer, grants)
    user_id = add(
        connection,
        body.username,
        body.roles_and_rights,
        full_name=body.full_name,
        email=body.email or None,
        external_id=body.external_id or None,
        person_id=body.person_id,
        sso=bool(body.sso),
        audio_playback=body.audio_playback or "streaming",
    )
    user_changes.set_policies(connection, user_id, policy_ids)
    call.changed("User", user_id, changed_fields(body))
    return UserId(id=user_id)


@operations.write("/admin/user/{id}", method="PUT", right=Right.USERS_EDIT, refuses=(Conflict,))
def change_user(call: Call, body: UserChange) -> User:
    """Change a user who holds no more than you do. From every other user you can only take away."""
    connection = call.connection
    before = grants_of(connection, call.id)
    policy_ids = None if body.policies is None else _policy_ids(connection, body.policies)
    _check_person(connection, body.person_id)
    after = _after(call, before, body, policy_ids)
    if not only_takes_away(before, after) or _renames(_record(call), body):
        check_within(connection, call.viewer, after)
    user_changes.change_user(
        connection,
        call.id,
        roles_and_rights=body.roles_and_rights,
        policy_ids=policy_ids,
        **_columns(body),
    )
    call.changed("User", call.id, changed_fields(body))
    return _record(call)


@operations.write("/admin/user/{id}", method="DELETE", right=Right.USERS_EDIT, refuses=(Conflict,))
def end_user(call: Call) -> UserId:
    """Make a user inactive, and revoke its API keys. Its user name stays reserved."""
    revoked = user_changes.end_user(call.connection, call.id)
    call.changed("User", call.id, {"isActive": False, "revokedApiKeyIds": revoked})
    for key_id in revoked:
        call.changed("ApiKey", key_id, {"revoked": True})
    return UserId(id=call.id)


ROUTES = [list_users, add_user, change_user, end_user]


def _columns(body: UserChange) -> dict[str, Any]:
    """The columns that are to change, and their values."""
    plain = ("username", "full_name", "sso", "audio_playback", "is_active", "is_locked")
    columns = {name: value for name in plain if (value := getattr(body, name)) is not None}
    columns |= {
        name: value or None for name in ("email", "external_id") if (value := getattr(body, name)) is not None
    }
    return columns | ({} if body.person_id is UNSET else {"person_id": body.person_id})


def _renames(record: User, body: UserChange) -> bool:
    """Whether the change gives the user another name, or other values that it is recognised by."""
    columns = _columns(body)
    return any(getattr(record, name) != columns[name] for name in _SHOWN if name in columns)


def _after(call: Call, before: Grants, body: UserChange, policy_ids: list[int] | None) -> Grants:
    after = before
    if body.username is not None:
        key = user_changes.key_after(call.connection, call.id, body.username)
        after = replace(after, username_folded=key)
    if body.person_id is not UNSET:
        after = replace(after, person_id=body.person_id)
    if body.roles_and_rights is not None:
        after = replace(after, granted=frozenset(body.roles_and_rights))
    if policy_ids is not None:
        after = replace(after, policy_ids=frozenset(policy_ids))
    if body.is_active is not None:
        after = replace(after, is_active=body.is_active)
    if body.is_locked is not None:
        after = replace(after, is_locked=body.is_locked)
    return after


def _record(call: Call) -> User:
    return user_records(call.connection, call.viewer.client_id, [call.id])[0]


def _policy_ids(connection: Connection, names: list[str]) -> list[int]:
    """The ids of access policies. Raises BadRequest for a name that no policy has."""
    known = {row.name: row.id for row in connection.execute(select(access_policies))}
    faults = [
        Fault(f"policies[{index}]", f"there is no access policy {name}{nearest(name, list(known))}")
        for index, name in enumerate(names)
        if name not in known
    ]
    if faults:
        raise BadRequest.of(*faults)
    return [known[name] for name in dict.fromkeys(names)]


def _check_person(connection: Connection, person_id: int | UnsetType | None) -> None:
    if isinstance(person_id, int) and not connection.scalar(
        select(people.c.id).where(people.c.id == person_id)
    ):
        raise BadRequest.of(Fault("personId", f"there is no person {person_id}"))
