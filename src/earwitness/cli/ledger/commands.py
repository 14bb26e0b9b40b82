"""earwitness ledger: the log of an account."""

import typer

from earwitness.cli.ledger.checkpoint import checkpoint
from earwitness.cli.ledger.export import export
from earwitness.cli.ledger.recovering import recover
from earwitness.cli.ledger.searching import search
from earwitness.cli.ledger.verify import verify

group = typer.Typer(
    help="The ledger: what was done and seen, and whether it was changed.", no_args_is_help=True
)
group.command("checkpoint")(checkpoint)
group.command("search")(search)
group.command("export")(export)
group.command("recover")(recover)
group.command("verify")(verify)
