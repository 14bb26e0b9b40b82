"""earwitness db: migrations."""

import typer

from earwitness.cli.output import AsJson, opened, say, tell_json

group = typer.Typer(help="Databases.", no_args_is_help=True)


@group.command("upgrade")
def upgrade(as_json: AsJson = False) -> None:
    """Upgrade the tables of every account to this version of the program."""
    with opened(as_json) as accounts:
        upgraded = [{"clientId": client_id, "revision": to} for client_id, to in accounts.upgrade()]
    if as_json:
        tell_json(upgraded)
        return
    for account in upgraded:
        say(f"Account {account['clientId']} is at {account['revision']}.")
    if not upgraded:
        say("There is no account yet.")
