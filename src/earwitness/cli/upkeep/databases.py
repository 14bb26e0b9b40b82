"""earwitness db: migrations."""

import typer

from earwitness.cli.output import AsJson, opened, say, tell_json

group = typer.Typer(help="Databases.", no_args_is_help=True)


@group.command("upgrade")
def upgrade(as_json: AsJson = False) -> None:
    """Upgrade the tables of every account to this version of the program.

    An account that cannot be upgraded is named, the others are upgraded, and the exit code is 1.
    """
    rows: list[dict[str, object]] = []
    has_failed = False
    with opened(as_json, upgrading=True) as accounts:
        for client_id, to in accounts.upgrade():
            if isinstance(to, str):
                rows.append({"clientId": client_id, "revision": to})
            else:
                rows.append({"clientId": client_id, "error": to.sentence})
                has_failed = True
            if not as_json:
                say(f"Account {client_id} is at {to}." if isinstance(to, str) else to.sentence)
    if as_json:
        tell_json(rows)
    elif not rows:
        say("There is no account yet.")
    if has_failed:
        raise typer.Exit(1)
