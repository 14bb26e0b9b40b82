"""earwitness ledger: the log of an account."""

import typer

from earwitness.cli.ledger.verify import verify

group = typer.Typer(
    help="The ledger: what was done and seen, and whether it was changed.", no_args_is_help=True
)
group.command("verify")(verify)
