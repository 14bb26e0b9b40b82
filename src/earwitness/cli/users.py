"""earwitness user: create one, list them, change one, lock them out and let them in."""

from typing import Annotated, Any

import typer
from sqlalchemy import select

from earwitness.api.administration.users import change_user
from earwitness.archive import ledger, user_changes
from earwitness.archive.ledger import Entry
from earwitness.archive.schema.people import users
from earwitness.archive.timeline import one_at_a_time
from earwitness.archive.user_records import User, user_records
from earwitness.archive.users import add_user, user_id_of
from earwitness.cli.calling import identity, make
from earwitness.cli.operator import action
from earwitness.cli.output import AsJson, ClientId, fail, opened, say, show_table, tell_json

group = typer.Typer(help="Users: people and integrations that sign in.", no_args_is_help=True)

Username = Annotated[str, typer.Argument(metavar="USERNAME")]

Roles = Annotated[list[str] | None, typer.Option("--role", help="A role; may be given again.")]
Rights = Annotated[list[str] | None, typer.Option("--right", help="A right; may be given again.")]

_WIRE = {"is_active": "isActive", "is_locked": "isLocked"}


@group.command("create")
def create(
    client_id: ClientId,
    username: Username,
    role: Roles = None,
    right: Rights = None,
    as_json: AsJson = False,
) -> None:
    """Create a user."""
    granted = [*(role or []), *(right or [])]
    with opened(as_json) as accounts, accounts.open(client_id).write() as connection:
        one_at_a_time(connection)
        user_id = add_user(connection, username, granted)
        entry = Entry(user_id, "User", None, "User", {"username": username, "rolesAndRights": granted})
        ledger.append(connection, action("user create", "Create user"), [entry])
    if as_json:
        tell_json({"id": user_id, "username": username, "rolesAndRights": granted})
    else:
        say(f"Created user {username} with {', '.join(granted) or 'no rights'}.")


@group.command("list")
def list_(client_id: ClientId, as_json: AsJson = False) -> None:
    """List the users, inactive ones too."""
    with opened(as_json) as accounts, accounts.open(client_id).read() as connection:
        user_ids = connection.scalars(select(users.c.id).order_by(users.c.id)).all()
        found = user_records(connection, client_id, user_ids)
    if as_json:
        tell_json(found)
    elif found:
        headings = {"id": "user", "username": "username", "holds": "roles and rights", "state": "state"}
        show_table([_row(user) for user in found], headings | {"seen": "last sign-in"})
    else:
        say("There is no user yet: earwitness user create CLIENT_ID USERNAME makes one.")


@group.command("set")
def set_(
    client_id: ClientId,
    username: Username,
    role: Roles = None,
    right: Rights = None,
    full_name: Annotated[str | None, typer.Option("--full-name", help="Another name.")] = None,
    email: Annotated[str | None, typer.Option("--email", help="An empty one takes it away.")] = None,
    person: Annotated[
        str | None, typer.Option("--person", metavar="PERSON_ID", help="Who the user is, or `none`.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Change a user; roles and rights that are given take the place of all there were."""
    granted = [*(role or []), *(right or [])] or None
    told = {"rolesAndRights": granted, "fullName": full_name, "email": email}
    wanted: dict[str, Any] = {name: value for name, value in told.items() if value is not None}
    wanted |= {} if person is None else {"personId": identity(person)}
    if not wanted:
        fail("Say what to set: earwitness user set --help lists it.", as_json=as_json)
    with opened(as_json) as accounts, accounts.open(client_id).read() as connection:
        user_id = user_id_of(connection, username)
    changed = make(client_id, "user set", change_user, wanted, id_=user_id, as_json=as_json)
    if as_json:
        tell_json(changed)
    else:
        say(f"{changed.username} has {', '.join(changed.roles_and_rights) or 'no rights'}.")


@group.command("lock")
def lock(client_id: ClientId, username: Username, as_json: AsJson = False) -> None:
    """Lock a user out, at once, until it is unlocked."""
    _change(client_id, username, "lock", "Locked", as_json, is_locked=True)


@group.command("unlock")
def unlock(client_id: ClientId, username: Username, as_json: AsJson = False) -> None:
    """Let a locked user in again."""
    _change(client_id, username, "unlock", "Unlocked", as_json, is_locked=False)


@group.command("deactivate")
def deactivate(client_id: ClientId, username: Username, as_json: AsJson = False) -> None:
    """End a user: it is inactive from now on, and its API keys are revoked."""
    _change(client_id, username, "deactivate", "Deactivated", as_json, is_active=False)


@group.command("activate")
def activate(client_id: ClientId, username: Username, as_json: AsJson = False) -> None:
    """Make a user active again. Revoked keys stay revoked: make it a new one."""
    _change(client_id, username, "activate", "Activated", as_json, is_active=True)


def _change(
    client_id: int,
    username: str,
    command: str,
    done: str,
    as_json: bool,
    **columns: Any,
) -> None:
    with opened(as_json) as accounts, accounts.open(client_id).write() as connection:
        one_at_a_time(connection)
        user_id = user_id_of(connection, username)
        told: dict[str, Any] = {_WIRE[name]: value for name, value in columns.items()}
        if command == "deactivate":
            told["revokedApiKeyIds"] = user_changes.end_user(connection, user_id)
        else:
            user_changes.change_user(connection, user_id, **columns)
        entry = Entry(user_id, "User", None, "User", told)
        ledger.append(connection, action(f"user {command}", f"{command.capitalize()} user"), [entry])
        (changed,) = user_records(connection, client_id, [user_id])
    tell_json(changed) if as_json else say(f"{done} user {changed.username}.")


def _row(user: User) -> dict[str, Any]:
    state = "inactive" if not user.is_active else "locked" if user.is_locked else "active"
    held = ", ".join(user.roles_and_rights)
    return {
        "id": user.id,
        "username": user.username,
        "holds": held,
        "state": state,
        "seen": user.last_login_time,
    }
