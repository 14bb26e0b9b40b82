"""earwitness account: create and list accounts, show and change the settings of one."""

from typing import Annotated

import msgspec
import typer

from earwitness.archive.accounts.settings import (
    AccountChange,
    AccountSettings,
    Engine,
    account_settings,
    change_account,
)
from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.ledger import Entry
from earwitness.cli.operator import action
from earwitness.cli.output import AsJson, ClientId, fail, opened, say, show_table, tell_json
from earwitness.kernel.clock import format_ms
from earwitness.operations.changed_fields import changed_fields

group = typer.Typer(help="Accounts: one for each firm.", no_args_is_help=True)


@group.command("create")
def create(
    client_id: ClientId,
    name: Annotated[str, typer.Option("--name", help="The firm's name.")],
    as_json: AsJson = False,
) -> None:
    """Create an account."""
    with opened(as_json) as accounts:
        account = accounts.create(client_id, name, action("account create", ledger.CREATE_ACCOUNT))
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


@group.command("show")
def show(client_id: ClientId, as_json: AsJson = False) -> None:
    """Show an account and its settings."""
    with opened(as_json) as accounts, accounts.open(client_id).read() as connection:
        found = account_settings(connection, accounts)
    _tell(found, as_json)


@group.command("set")
def set_(
    client_id: ClientId,
    name: Annotated[str | None, typer.Option(help="The firm's name.")] = None,
    region: Annotated[str | None, typer.Option(help="The region that its recordings show.")] = None,
    forced_comments: Annotated[
        bool | None, typer.Option(help="Whether every playback must give a reason.")
    ] = None,
    transcription: Annotated[Engine | None, typer.Option(help="The transcription engine.")] = None,
    may_shorten_retention: Annotated[
        bool | None, typer.Option(help="Whether a change may shorten the retention of existing recordings.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Change an account's settings. Settings that are not given stay as they are."""
    change = AccountChange(
        name=name,
        region=region,
        forced_comments=forced_comments,
        transcription=transcription,
        may_shorten_retention=may_shorten_retention,
    )
    told = changed_fields(change)
    if not told:
        fail("Nothing to change was given: see `earwitness account set --help`.", as_json=as_json)
    with opened(as_json) as accounts, accounts.open(client_id).write() as connection:
        entry = Entry(client_id, "Account", told)
        ledger.append(connection, action("account set", "Set account"), [entry])
        change_account(connection, accounts, change)
        changed = account_settings(connection, accounts)
    _tell(changed, as_json)


def _tell(found: AccountSettings, as_json: bool) -> None:
    if as_json:
        tell_json(found)
        return
    rows = [{"setting": name, "value": value} for name, value in msgspec.to_builtins(found).items()]
    show_table(rows, {"setting": "setting", "value": "value"})
