"""earwitness apikey: create one."""

from typing import Annotated

import typer

from earwitness.archive import ledger
from earwitness.archive.ledger import Entry
from earwitness.archive.users import add_api_key, user_id_of
from earwitness.cli.operator import action
from earwitness.cli.output import AsJson, ClientId, opened, say, tell_json

group = typer.Typer(help="API keys: what users sign in with.", no_args_is_help=True)


@group.command("create")
def create(
    client_id: ClientId,
    username: Annotated[str, typer.Argument(metavar="USERNAME")],
    as_json: AsJson = False,
) -> None:
    """Create an API key. It is shown once."""
    with opened(as_json) as accounts, accounts.open(client_id).write() as connection:
        key_id, api_key = add_api_key(connection, user_id_of(connection, username))
        entry = Entry(key_id, "ApiKey", None, "ApiKey", {"username": username})
        ledger.append(connection, action("apikey create", "Create API key"), [entry])
    if as_json:
        tell_json({"clientId": client_id, "username": username, "apiKey": api_key})
    else:
        say(f"API key of {username}, shown this once:\n{api_key}")
