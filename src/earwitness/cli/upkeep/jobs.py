"""earwitness jobs: background jobs, and why they failed."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from earwitness.archive.jobs import account_jobs, queue
from earwitness.archive.jobs.kinds import JOB_KINDS
from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.ledger import Entry
from earwitness.archive.upkeep import folding, text_rebuild
from earwitness.archive.upkeep.ledgers import ledger_beginning
from earwitness.cli.operator import action
from earwitness.cli.output import AsJson, ClientId, fail, opened, say, show_table, tell_json
from earwitness.cli.upkeep.turns import AT_ONCE, OneAction, in_turns
from earwitness.kernel.settings import Settings
from earwitness.media.stores.free_space import why_full

group = typer.Typer(help="Background work.", no_args_is_help=True)

JobId = Annotated[int, typer.Argument(metavar="JOB_ID", min=1)]

_MOST_LISTED = 100
_EPILOG = "Kinds of jobs: " + "; ".join(f"{kind} {row.does}" for kind, row in JOB_KINDS.items()) + "."


@group.command("list", epilog=_EPILOG)
def list_(
    client_id: ClientId,
    done: Annotated[bool, typer.Option("--done", help="Also count jobs that are done.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the jobs that are not done, of recordings and of the account, and a rebuild of the text index.

    Jobs of recordings are counted by kind and state. Those that are dead, or wait for another try, are listed
    too, the first hundred of them. With --json all jobs are listed. The beginning of the ledger of an archive
    that is older than its ledger is listed, too.
    """
    with opened(as_json) as accounts, accounts.open(client_id).read() as connection:
        of_account = account_jobs.listed(connection, done=done)
        settings = accounts.settings
        rebuilds = [*text_rebuild.listed(connection), *folding.listed(connection)]
        rows = [*rebuilds, *ledger_beginning.listed(connection), *of_account]
        if as_json:
            tell_json([*rows, *queue.list_jobs(connection, done=done)])
            return
        counted = queue.counts_by_kind(connection, done=done)
        troubled = queue.list_jobs(connection, troubled=True, most=_MOST_LISTED)
        more = queue.count_troubled(connection) - len(troubled)
    if counted:
        show_table(counted, {"kind": "kind", "state": "state", "jobs": "jobs"})
    _show([*rows, *troubled])
    if more > 0:
        say(f"{more} more are dead or wait for another try; --json lists all.")
    if not (counted or rows):
        say("No job is waiting, running or dead.")
    tell_if_jobs_wait(settings)


def tell_if_jobs_wait(settings: Settings) -> None:
    """Say that jobs wait because the disk of this machine has too little space for renditions."""
    if (why := why_full(settings)) is not None:
        kinds = " and ".join(f"`{kind}`" for kind, row in JOB_KINDS.items() if row.stores_renditions)
        say(f"Jobs of the kind {kinds} wait until there is more space. {why}")


@group.command("retry")
def retry(
    client_id: ClientId,
    job_id: Annotated[int | None, typer.Argument(metavar="[JOB_ID]", min=1)] = None,
    account_job: Annotated[
        int | None, typer.Option("--account-job", min=1, help="Only this job of the account.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Queue dead jobs again: one, or all, and then also the jobs of the account that failed."""
    if job_id is not None and account_job is not None:
        fail("Name a job of a recording or --account-job, not both.", as_json=as_json)
    done = OneAction(action("jobs retry", "Retry job"))

    def note(connection: Connection, entries: Sequence[Entry]) -> None:
        if entries:
            ledger.append_under(connection, done.header(connection), entries)
            done.count += len(entries)

    def retry_some(connection: Connection, some: Sequence[int]) -> None:
        note(connection, queue.retry(connection, *some))

    # The account is not locked, only the jobs that change.
    with opened(as_json) as accounts:
        archive = accounts.open(client_id)
        if job_id is not None:
            with archive.write(locked=False) as connection:
                retry_some(connection, [job_id])
                other = "" if done.count else _what_it_is(connection, client_id, job_id, "dead")
        else:
            if account_job is None:
                in_turns(archive, partial(queue.dead_ones, AT_ONCE), retry_some, locked=False)
            with archive.write(locked=False) as connection:
                again = account_jobs.retry(connection, account_job)
                note(connection, [Entry(client_id, "Account", {"accountJobId": one}) for one in again])
            other = (
                f"Job {account_job} of the account has not failed, or there is none." if account_job else ""
            )
        done.end(archive)
    if not done.count and other:
        fail(other, as_json=as_json)
    tell_json({"queued": done.count}) if as_json else say(f"Queued {done.count}.")


@group.command("drop")
def drop(client_id: ClientId, job_id: JobId, as_json: AsJson = False) -> None:
    """Remove a job of a recording that is not running."""
    # The account is not locked, only the job.
    with opened(as_json) as accounts, accounts.open(client_id).write(locked=False) as connection:
        dropped = queue.drop(connection, job_id)
        ledger.append(connection, action("jobs drop", "Drop job"), dropped)
        other = "" if dropped else _what_it_is(connection, client_id, job_id, "waiting or dead")
    if not dropped:
        fail(other, as_json=as_json)
    tell_json({"dropped": job_id}) if as_json else say(f"Dropped job {job_id}.")


def _show(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        log = row["log"]
        row["reason"] = log[-1]["text"] if isinstance(log, list) and log else ""
        row["kind"] = f"{row['kind']}: {row['step']}" if row["step"] else row["kind"]
        if "accountJob" in row:
            row["kind"] = f"{row['kind']}, account job {row['accountJob']}"
    if rows:
        headings = {"id": "job", "kind": "kind", "state": "state", "interactionId": "interactionId"}
        show_table(rows, headings | {"attempts": "attempts", "reason": "last entry"})


def _what_it_is(connection: Connection, client_id: int, number: int, wanted: str) -> str:
    """What a number is that is not the one of a job in a wanted state, and what can be done."""
    if state := queue.state_of(connection, number):
        return f"Job {number} is {state}, not {wanted}."
    where = f"`earwitness jobs list {client_id}` has the numbers of jobs in its first column."
    if (of_account := account_jobs.get(connection, number)) is not None:
        what = (
            f"{number} is a job of the account ({of_account.kind}, {of_account.state}), not of a recording."
        )
        if of_account.state != "failed":
            return f"{what} It cannot be dropped, since its change counts already; it need not be retried."
        again = f"`earwitness jobs retry {client_id} --account-job {number}` lets it go on."
        return f"{what} It cannot be dropped, since its change counts already. {again}"
    if of_recording := queue.jobs_of(connection, number):
        listed = ", ".join(map(str, of_recording))
        return f"There is no job {number}; it is the interactionId of a recording with these jobs: {listed}."
    return f"There is no job {number}. {where}"
