"""Administration: API keys. Nobody can make one for a user who may do or see more than they may."""

from sqlalchemy import select

from earwitness.archive.access.api_keys import ApiKey, keys_in_force, revoke_key
from earwitness.archive.access.grants import check_within, grants_of
from earwitness.archive.access.users import add_api_key as add
from earwitness.archive.schema.people import users
from earwitness.kernel.errors import BadRequest, Conflict, Fault
from earwitness.kernel.rights import Right
from earwitness.kernel.wire import Id, Wire
from earwitness.operations import operations
from earwitness.operations.operations import Call


class ApiKeyToAdd(Wire):
    """The user that the key is for."""

    user_id: Id


class ShownOnce(Wire):
    """A new key. It is stored hashed, and never shown again."""

    id: int
    api_key: str


class ApiKeyId(Wire):
    """The id of the key."""

    id: int


@operations.read("/admin/apiKey", method="GET", right=(Right.USERS_VIEW, Right.USERS_EDIT))
def list_api_keys(call: Call) -> list[ApiKey]:
    """List the active API keys and their users, never the keys themselves."""
    return keys_in_force(call.connection)


@operations.write("/admin/apiKey", right=Right.USERS_EDIT, status=201, refuses=(Conflict,))
def add_api_key(call: Call, body: ApiKeyToAdd) -> ShownOnce:
    """Make an API key for an active user. It is shown only now."""
    user = call.connection.execute(
        select(users.c.username, users.c.is_active).where(users.c.id == body.user_id)
    ).one_or_none()
    if user is None:
        raise BadRequest.of(Fault("userId", f"there is no user {body.user_id}"))
    if not user.is_active:
        raise Conflict(f"The user {user.username} is not active.")
    check_within(call.connection, call.viewer, grants_of(call.connection, body.user_id))
    key_id, api_key = add(call.connection, body.user_id)
    call.changed("ApiKey", key_id, {"username": user.username})
    return ShownOnce(id=key_id, api_key=api_key)


@operations.write("/admin/apiKey/{id}", method="DELETE", right=Right.USERS_EDIT)
def revoke_api_key(call: Call) -> ApiKeyId:
    """Revoke an API key. The key and all tokens made with it stop working at once."""
    username = revoke_key(call.connection, call.id)
    call.changed("ApiKey", call.id, {"username": username, "revoked": True})
    return ApiKeyId(id=call.id)


ROUTES = [list_api_keys, add_api_key, revoke_api_key]
