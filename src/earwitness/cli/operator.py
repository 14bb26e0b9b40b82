"""Who runs a command, for the ledger."""

import getpass

from earwitness.archive.ledger.ledger import Action


def action(command: str, description: str) -> Action:
    """A command as the ledger remembers it: by the name of the operator at this machine."""
    try:
        operator = getpass.getuser()
    except (KeyError, OSError):
        operator = "unknown"
    return Action(
        method="CLI",
        route=f"earwitness {command}",
        description=description,
        username=f"operator:{operator}",
        ip_address="",
    )
