"""earwitness db: migrations, and counts that were found wrong."""

import typer

from earwitness.archive.integrity.counts import recount_wrong
from earwitness.cli.output import AsJson, ClientId, opened, say, tell_json
from earwitness.kernel.plurals import counted

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


@group.command("recount")
def recount(client_id: ClientId, as_json: AsJson = False) -> None:
    """Count the recordings of an account anew on days where their counts are wrong.

    Totals of searches are sums of these counts; `earwitness verify` finds wrong ones. Those of legal holds
    and playlists are counted anew, too. Others may use the archive meanwhile.
    """
    with opened(as_json) as accounts:
        days, collections = recount_wrong(accounts.open(client_id))
    if as_json:
        tell_json({"days": days, "collections": collections})
        return
    if collections:
        say(f"Counted the recordings of {collections} legal holds and playlists anew.")
    if days:
        say(f"Counted the recordings of {counted(days, 'day')} anew.")
    if not days and not collections:
        say("All counts are right.")
