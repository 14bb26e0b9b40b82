"""earwitness user: create one."""

from typing import Annotated

import typer

from earwitness.archive import ledger
from earwitness.archive.ledger import Entry
from earwitness.archive.users import add_user
from earwitness.cli.operator import action
from earwitness.cli.output import AsJson, ClientId, opened, say, tell_json

group = typer.Typer(help="Users: people and integrations that sign in.", no_args_is_help=True)


@group.command("create")
def create(
    client_id: ClientId,
    username: Annotated[str, typer.Argument(metavar="USERNAME")],
    role: Annotated[list[str] | None, typer.Option("--role", help="A role; may be given again.")] = None,
    right: Annotated[list[str] | None, typer.Option("--right", help="A right; may be given again.")] = None,
    as_json: AsJson = False,
) -> None:
    """Create a user."""
    granted = [*(role or []), *(right or [])]
    with opened(as_json) as accounts, accounts.open(client_id).write() as connection:
        user_id = add_user(connection, username, granted)
        entry = Entry(user_id, "User", None, "User", {"username": username, "rolesAndRights": granted})
        ledger.append(connection, action("user create", "Create user"), [entry])
    if as_json:
        tell_json({"id": user_id, "username": username, "rolesAndRights": granted})
    else:
        say(f"Created user {username} with {', '.join(granted) or 'no rights'}.")
