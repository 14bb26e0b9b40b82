"""earwitness jobs: background jobs, and why they failed."""

from typing import Annotated

import typer

from earwitness.archive.jobs import account_jobs, queue
from earwitness.archive.jobs.kinds import JOB_KINDS
from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.ledger import Entry
from earwitness.archive.upkeep import folding, ledger_beginning, text_rebuild
from earwitness.cli.operator import action
from earwitness.cli.output import AsJson, ClientId, fail, opened, say, show_table, tell_json

group = typer.Typer(help="Background work.", no_args_is_help=True)

JobId = Annotated[int, typer.Argument(metavar="JOB_ID", min=1)]


_EPILOG = "Kinds of jobs: " + "; ".join(f"{kind} {row.does}" for kind, row in JOB_KINDS.items()) + "."


@group.command("list", epilog=_EPILOG)
def list_(
    client_id: ClientId,
    done: Annotated[bool, typer.Option("--done", help="Also list jobs that are done.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the jobs that are not done, of recordings and of the account, and a rebuild of the text index.

    Also the beginning of the ledger of an archive that is older than its ledger.
    """
    with opened(as_json) as accounts, accounts.open(client_id).read() as connection:
        of_account = account_jobs.listed(connection, done=done)
        rebuilds = [*text_rebuild.listed(connection), *folding.listed(connection)]
        rebuilds += ledger_beginning.listed(connection)
        rows = [*rebuilds, *of_account, *queue.list_jobs(connection, done=done)]
    if as_json:
        tell_json(rows)
        return
    for row in rows:
        log = row["log"]
        row["reason"] = log[-1]["text"] if isinstance(log, list) and log else ""
        row["kind"] = f"{row['kind']}: {row['step']}" if row["step"] else row["kind"]
        if "accountJob" in row:
            row["kind"] = f"{row['kind']}, account job {row['accountJob']}"
    if rows:
        headings = {"id": "job", "kind": "kind", "state": "state", "interactionId": "interactionId"}
        show_table(rows, headings | {"attempts": "attempts", "reason": "last entry"})
    else:
        say("No job is waiting, running or dead.")


@group.command("retry")
def retry(
    client_id: ClientId,
    job_id: Annotated[int | None, typer.Argument(metavar="[JOB_ID]", min=1)] = None,
    as_json: AsJson = False,
) -> None:
    """Queue dead jobs again: one, or all, and then also the jobs of the account that failed."""
    # The account is not locked, only the jobs that change.
    with opened(as_json) as accounts, accounts.open(client_id).write(locked=False) as connection:
        retried = queue.retry(connection, job_id)
        of_account = account_jobs.retry(connection) if job_id is None else ()
        retried += [Entry(client_id, "Account", {"accountJobId": one}) for one in of_account]
        ledger.append(connection, action("jobs retry", "Retry job"), retried)
    queued = len(retried)
    if job_id is not None and not queued:
        fail(f"Job {job_id} is not dead, or there is none.", as_json=as_json)
    tell_json({"queued": queued}) if as_json else say(f"Queued {queued}.")


@group.command("drop")
def drop(client_id: ClientId, job_id: JobId, as_json: AsJson = False) -> None:
    """Remove a job that is not running."""
    # The account is not locked, only the job.
    with opened(as_json) as accounts, accounts.open(client_id).write(locked=False) as connection:
        dropped = queue.drop(connection, job_id)
        ledger.append(connection, action("jobs drop", "Drop job"), dropped)
    if not dropped:
        fail(f"Job {job_id} is running, or there is none.", as_json=as_json)
    tell_json({"dropped": job_id}) if as_json else say(f"Dropped job {job_id}.")
