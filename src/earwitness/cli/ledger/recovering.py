"""earwitness ledger recover: start a new log after an older copy of the database was restored."""

from earwitness.archive.upkeep.ledgers import ledger_recovery
from earwitness.cli.operator import action
from earwitness.cli.output import AsJson, ClientId, opened, say, tell_json


def recover(client_id: ClientId, as_json: AsJson = False) -> None:
    """Start a new log if the present one does not go on from what others were given.

    It is named apart from the old log. Its first new action names the last checkpoint of the old one that
    others were given. Before that, look for the right database: docs/operations.md says how.
    """
    with opened(as_json) as accounts:
        by = action("ledger recover", "Recover ledger")
        made = ledger_recovery.recover(accounts.open(client_id), accounts, by)
    old = made.previous
    if as_json:
        previous = {"origin": old.origin, "size": old.size, "root": old.root.hex()}
        new = {"origin": made.origin, "verifierKey": made.verifier_key, "size": made.size}
        tell_json(new | {"previous": previous})
        return
    say(f"The ledger goes on as {made.origin}, with {made.size} actions.")
    say(f"It replaces {old.origin}, of which others were given {old.size} actions.")
    say(f"Give witnesses and auditors its verifier key: {made.verifier_key}")
