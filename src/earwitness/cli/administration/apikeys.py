"""earwitness apikey: create, list and revoke API keys."""

from typing import Annotated

import msgspec
import typer

from earwitness.archive.access.api_keys import keys_in_force, revoke_key
from earwitness.archive.access.users import add_api_key, user_id_of
from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.ledger import Entry
from earwitness.cli.operator import action
from earwitness.cli.output import AsJson, ClientId, opened, say, show_table, tell_json

group = typer.Typer(help="API keys: what users sign in with.", no_args_is_help=True)


@group.command("create")
def create(
    client_id: ClientId,
    username: Annotated[str, typer.Argument(metavar="USERNAME")],
    as_json: AsJson = False,
) -> None:
    """Create an API key. It is shown only now."""
    with opened(as_json) as accounts, accounts.open(client_id).write() as connection:
        key_id, api_key = add_api_key(connection, user_id_of(connection, username))
        entry = Entry(key_id, "ApiKey", {"username": username})
        ledger.append(connection, action("apikey create", "Create API key"), [entry])
    if as_json:
        tell_json({"clientId": client_id, "username": username, "apiKey": api_key})
    else:
        say(f"API key of {username}, shown only now:\n{api_key}")


@group.command("list")
def list_(client_id: ClientId, as_json: AsJson = False) -> None:
    """List the active API keys and their users, never the keys themselves."""
    with opened(as_json) as accounts, accounts.open(client_id).read() as connection:
        found = keys_in_force(connection)
    if as_json:
        tell_json(found)
    elif found:
        headings = {"id": "key", "username": "username", "createdAt": "created"}
        show_table([msgspec.to_builtins(key) for key in found], headings)
    else:
        say("There is no active API key.")


@group.command("revoke")
def revoke(
    client_id: ClientId,
    key_id: Annotated[int, typer.Argument(metavar="KEY_ID", min=1, help="As `apikey list` shows it.")],
    as_json: AsJson = False,
) -> None:
    """Revoke an API key. The key and all tokens made with it stop working at once."""
    with opened(as_json) as accounts, accounts.open(client_id).write() as connection:
        username = revoke_key(connection, key_id)
        entry = Entry(key_id, "ApiKey", {"username": username, "revoked": True})
        ledger.append(connection, action("apikey revoke", "Revoke API key"), [entry])
    if as_json:
        tell_json({"id": key_id, "username": username})
    else:
        say(f"Revoked API key {key_id} of {username}.")
