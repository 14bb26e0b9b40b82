"""earwitness user: create, list and change users, lock and unlock them."""

from typing import Annotated, Any

import typer
from sqlalchemy import select

from earwitness.api.administration.users import change_user, end_user
from earwitness.archive.access.user_records import User, user_records
from earwitness.archive.access.users import add_user, user_id_of
from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.ledger import Entry
from earwitness.archive.schema.people import users
from earwitness.cli.calling import identity, make_in
from earwitness.cli.operator import action
from earwitness.cli.output import AsJson, ClientId, fail, opened, say, show_table, tell_json
from earwitness.operations.operations import Operation

group = typer.Typer(help="Users: people and integrations that sign in.", no_args_is_help=True)

Username = Annotated[str, typer.Argument(metavar="USERNAME")]

Roles = Annotated[
    list[str] | None, typer.Option("--role", help="A role of `earwitness access rights`; may be repeated.")
]
Rights = Annotated[
    list[str] | None, typer.Option("--right", help="A right of `earwitness access rights`; may be repeated.")
]


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
        user_id = add_user(connection, username, granted)
        entry = Entry(user_id, "User", {"username": username, "rolesAndRights": granted})
        ledger.append(connection, action("user create", "Create user"), [entry])
    if as_json:
        tell_json({"id": user_id, "username": username, "rolesAndRights": granted})
    else:
        say(f"Created user {username} with {', '.join(granted) or 'no rights'}.")


@group.command("list")
def list_(client_id: ClientId, as_json: AsJson = False) -> None:
    """List the users, including inactive ones."""
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
    full_name: Annotated[str | None, typer.Option("--full-name", help="The new name.")] = None,
    email: Annotated[
        str | None, typer.Option("--email", help="The email address; an empty one removes it.")
    ] = None,
    person: Annotated[
        str | None,
        typer.Option("--person", metavar="PERSON_ID", help="The person that the user is, or `none`."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Change a user. Roles and rights given replace all that there were."""
    granted = [*(role or []), *(right or [])] or None
    changes = {"rolesAndRights": granted, "fullName": full_name, "email": email}
    body: dict[str, Any] = {name: value for name, value in changes.items() if value is not None}
    body |= {} if person is None else {"personId": identity(person)}
    if not body:
        fail("Nothing to change was given: see `earwitness user set --help`.", as_json=as_json)
    changed = _make(client_id, "set", change_user, username, as_json, body)
    if as_json:
        tell_json(changed)
    else:
        say(f"{changed.username} has {', '.join(changed.roles_and_rights) or 'no rights'}.")


@group.command("lock")
def lock(client_id: ClientId, username: Username, as_json: AsJson = False) -> None:
    """Lock a user out at once, until unlocked."""
    changed = _make(client_id, "lock", change_user, username, as_json, {"isLocked": True})
    tell_json(changed) if as_json else say(f"Locked user {changed.username}.")


@group.command("unlock")
def unlock(client_id: ClientId, username: Username, as_json: AsJson = False) -> None:
    """Let a locked user sign in again."""
    changed = _make(client_id, "unlock", change_user, username, as_json, {"isLocked": False})
    tell_json(changed) if as_json else say(f"Unlocked user {changed.username}.")


@group.command("deactivate")
def deactivate(client_id: ClientId, username: Username, as_json: AsJson = False) -> None:
    """Make a user inactive, and revoke its API keys."""
    changed = _make(client_id, "deactivate", end_user, username, as_json)
    tell_json(changed) if as_json else say(f"Deactivated user {changed.username}.")


@group.command("activate")
def activate(client_id: ClientId, username: Username, as_json: AsJson = False) -> None:
    """Make a user active again. Revoked API keys stay revoked: create a new one."""
    changed = _make(client_id, "activate", change_user, username, as_json, {"isActive": True})
    tell_json(changed) if as_json else say(f"Activated user {changed.username}.")


def _make(
    client_id: int,
    command: str,
    operation: Operation,
    username: str,
    as_json: bool,
    body: dict[str, Any] | None = None,
) -> User:
    """Make a call that changes a user. Returns the user after it."""
    with opened(as_json) as accounts:
        archive = accounts.open(client_id)
        with archive.read() as connection:
            user_id = user_id_of(connection, username)
        make_in(accounts, client_id, f"user {command}", operation, body, user_id)
        with archive.read() as connection:
            (changed,) = user_records(connection, client_id, [user_id])
    return changed


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
