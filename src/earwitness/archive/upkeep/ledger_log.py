"""Keeps the log of an account up to date: what is committed is in it, and in its newest checkpoint."""

from collections.abc import Callable

from sqlalchemy import Connection, select

from earwitness.archive.accounts.accounts import Accounts, Archive
from earwitness.archive.ledger import integrating
from earwitness.archive.ledger.notes.checkpoint import Checkpoint
from earwitness.archive.ledger.notes.keys import SignerKey
from earwitness.archive.ledger.proving import newest_checkpoint
from earwitness.archive.ledger.signing import new_origin, signed_checkpoint, signer_of
from earwitness.archive.schema.people import account


def bring_up_to_date(archive: Archive, accounts: Accounts) -> None:
    """Add everything to the log that is committed now.

    If another thread or server does so already, this waits for it, and then adds what is left.
    """
    signer: SignerKey | None = None
    while True:
        with archive.read() as connection:
            turn = integrating.prepare(connection)
            if not turn.is_empty and signer is None:
                signer = signer_in(connection, accounts)
        if turn.is_empty or signer is None:
            return
        with archive.write(locked=False) as connection:  # it takes the log's own lock
            integrating.add(connection, turn, _notes_of(signer))


def signer_in(connection: Connection, accounts: Accounts) -> SignerKey:
    """Who signs the log of an account: the name that its first checkpoint has, and the key of ledgers."""
    first = newest_checkpoint(connection)
    if first is None:
        guid = connection.scalars(select(account.c.account_guid)).one()
        return signer_of(new_origin(accounts.settings, guid), accounts.identity.ledger_key())
    return signer_of(Checkpoint.read(first.text).origin, accounts.identity.ledger_key())


def _notes_of(signer: SignerKey) -> Callable[[int, bytes], str]:
    return lambda size, root: signed_checkpoint(signer, size, root).encode().decode()
