"""Who runs a command, as the audit log shows it."""

import getpass

from earwitness.archive.ledger.ledger import Action


def action(command: str, description: str) -> Action:
    """A command as the audit log shows it: with the name of the operator on this machine."""
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
