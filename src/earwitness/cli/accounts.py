"""earwitness account: create one, list them."""

from typing import Annotated

import typer

from earwitness.cli.output import AsJson, ClientId, opened, say, show_table, tell_json
from earwitness.kernel.clock import format_ms

group = typer.Typer(help="Accounts: one for each firm.", no_args_is_help=True)


@group.command("create")
def create(
    client_id: ClientId,
    name: Annotated[str, typer.Option("--name", help="The firm's name.")],
    as_json: AsJson = False,
) -> None:
    """Create an account."""
    with opened(as_json) as accounts:
        account = accounts.create(client_id, name)
    if as_json:
        tell_json({"clientId": account.client_id, "name": account.name})
    else:
        say(f"Created account {account.client_id}, {account.name}.")


@group.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the accounts."""
    with opened(as_json) as accounts:
        rows = [
            {"clientId": a.client_id, "name": a.name, "createdAt": format_ms(a.created_at)}
            for a in accounts.all()
        ]
    if as_json:
        tell_json(rows)
    elif rows:
        show_table(rows, {"clientId": "client id", "name": "name", "createdAt": "created"})
    else:
        say("There is no account yet: earwitness account create CLIENT_ID --name NAME makes one.")
