"""Starts a new log for an account whose log has forked.

It has a name of its own, since witnesses have seen more of the old one and would refuse it. It begins with
what the database has of the old log. Its next leaf says that it replaces the old one, and names the last
checkpoint of that which others were given. Copies that follow the feed have to begin anew.
"""

from dataclasses import dataclass

from earwitness.archive.accounts.accounts import Accounts, Archive
from earwitness.archive.ledger import integrating, ledger
from earwitness.archive.ledger.integrating import Turn
from earwitness.archive.ledger.leaf_rows import header_of, leaf_of
from earwitness.archive.ledger.ledger import Action, Entry
from earwitness.archive.ledger.notes.checkpoint import Checkpoint
from earwitness.archive.ledger.signing import generation_of, next_origin, signer_of
from earwitness.archive.upkeep.ledgers import ledger_heads
from earwitness.archive.upkeep.ledgers.ledger_log import alone, notes_of
from earwitness.kernel.errors import Conflict


@dataclass(frozen=True, slots=True)
class Recovered:
    """The new log, and the last checkpoint of the old one that others were given."""

    origin: str
    verifier_key: str
    size: int
    previous: Checkpoint


def recover(archive: Archive, accounts: Accounts, action: Action) -> Recovered:
    """Start a new log. Raises Conflict if the log has not forked, and Unavailable."""
    with alone(archive):
        heads = ledger_heads.compare(archive, accounts)
        if heads.fork is None:
            raise Conflict("The ledger goes on from all that others were given: there is nothing to recover.")
        previous = heads.fork
        latest = max(previous.origin, heads.tables.origin, key=generation_of)
        signer = signer_of(next_origin(latest), accounts.identity.ledger_key())
        with archive.write() as connection:
            named = {"origin": previous.origin, "size": previous.size, "root": previous.root.hex()}
            header = ledger.add_header(connection, action)
            ledger.append_under(connection, header, [Entry(archive.client_id, "Account", named)])
            integrating.restart_numbers(connection, generation_of(signer.name))
            leaf = leaf_of(connection, header_of(connection, header), "recover")
            integrating.add(connection, Turn([leaf], None), notes_of(signer))
            ledger_heads.set_fork(connection, None)
    ledger_heads.tell_others(archive)
    ledger_heads.show_newest(archive, accounts)
    return Recovered(signer.name, signer.verifier.text, heads.tables.size + 1, previous)
