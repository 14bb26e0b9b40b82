"""earwitness installation: accept a media store or a key that was changed on purpose."""

from typing import Annotated, Literal

import typer

from earwitness.archive.accounts.accounts import Accounts
from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.ledger import Entry
from earwitness.cli.operator import action
from earwitness.cli.output import AsJson, opened, say, tell_json

group = typer.Typer(help="What belongs to this archive; docs/keys.md says why.", no_args_is_help=True)


@group.command("accept")
def accept(
    what: Annotated[
        Literal["store", "token-key", "ledger-key"],
        typer.Argument(metavar="WHAT", help="store, token-key or ledger-key"),
    ],
    as_json: AsJson = False,
) -> None:
    """Accept the store of media, or the key for tokens or ledgers, of this machine as the archive's.

    All servers must use the same one, and must be started again.
    """
    with opened(as_json) as accounts:
        if what == "store":
            sentence = f"The archive's store of media is now {accounts.identity.accept_store()}."
        elif what == "ledger-key":
            accounts.identity.accept_ledger_key()
            sentence = (
                "The archive's key for ledgers is now that of this machine: give witnesses and auditors the "
                "new verifier keys."
            )
        else:
            accounts.identity.accept_token_key()
            sentence = (
                "The archive's key for tokens is now that of this machine: everybody has to sign in again."
            )
        _remember(accounts, what)
    tell_json({"accepted": what}) if as_json else say(sentence)


def _remember(accounts: Accounts, what: str) -> None:
    by = action("installation accept", f"Accept {what} as the archive's")
    for account in accounts.all():
        # Not locked, since it only adds rows to the ledger.
        with accounts.open(account.client_id).write(locked=False) as connection:
            ledger.append(connection, by, [Entry(account.client_id, "Account", {"what": what})])
