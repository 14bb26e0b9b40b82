"""The operator who runs a command, for the audit log."""

import getpass

from earwitness.archive.ledger.ledger import Action


def action(command: str, description: str) -> Action:
    """The action of a command for the audit log, with the operator's user name on this machine."""
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
