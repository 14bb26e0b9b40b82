"""earwitness select: puts all that a search finds into a hold or playlist, or changes its tags."""

import time
import uuid
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from earwitness.api.recordings.selection import change_selection
from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.jobs import account_jobs
from earwitness.archive.jobs.account_jobs import AccountJob
from earwitness.archive.upkeep import account_work
from earwitness.archive.upkeep.account_work import Pace
from earwitness.cli.calling import make_in
from earwitness.cli.output import AsJson, ClientId, fail, opened, say, tell_json
from earwitness.kernel import strict_json
from earwitness.kernel.clock import now_ms
from earwitness.kernel.strict_json import MAX_INTEGER

_LOOKS_AGAIN_SECONDS = 0.5

Filters = Annotated[
    str | None,
    typer.Argument(metavar="[FILTERS]", help="The filters of recording.search, as JSON; {} for all."),
]
InteractionIds = Annotated[
    list[int] | None,
    typer.Option("--id", min=1, max=MAX_INTEGER, help="A recording, in place of filters; may be repeated."),
]
HoldId = Annotated[int | None, typer.Option("--hold", min=1, max=MAX_INTEGER, help="A legal hold's id.")]
PlaylistId = Annotated[
    int | None, typer.Option("--playlist", min=1, max=MAX_INTEGER, help="A playlist's id.")
]
AddTags = Annotated[list[str] | None, typer.Option("--add-tag", help="A tag to add; may be repeated.")]
RemoveTags = Annotated[
    list[str] | None, typer.Option("--remove-tag", help="A tag to remove; may be repeated.")
]
NoWait = Annotated[
    bool, typer.Option("--no-wait", help="Leave the work to servers and workers, and do not wait for it.")
]


def select_(
    client_id: ClientId,
    filters: Filters = None,
    interaction_ids: InteractionIds = None,
    hold: HoldId = None,
    playlist: PlaylistId = None,
    add_tag: AddTags = None,
    remove_tag: RemoveTags = None,
    no_wait: NoWait = False,
    as_json: AsJson = False,
) -> None:
    """Put all recordings that a search finds into a legal hold or playlist, or change their tags.

    More than 1,000 are changed in batches, between which others can write. The command takes part in that
    until all are done. If it is interrupted, servers and workers go on.
    """
    body: dict[str, Any] = {
        "interactionIds": interaction_ids or None,
        "legalHoldId": hold,
        "playlistId": playlist,
        "addTags": add_tag or None,
        "removeTags": remove_tag or None,
    }
    with opened(as_json) as accounts:
        if filters is not None:
            body["filters"] = strict_json.loads(filters.encode())
        ordered = make_in(accounts, client_id, "select", change_selection, body)
        archive = accounts.open(client_id)
        job = _job(archive, ordered.job_id) if no_wait else _finish(archive, ordered.job_id, as_json)
    result = {
        "jobId": job.id,
        "state": job.state,
        "done": job.done,
        "total": ordered.total,
        "error": job.error,
    }
    if as_json:
        tell_json(result)
    elif job.state == "done":
        say(f"Changed {job.done} recordings." + (f" {job.error}" if job.error else ""))
    else:
        say(f"Job {job.id} changes {ordered.total} recordings: {job.done} are done.")
    if job.state == "failed":
        fail(f"Job {job.id} failed: {job.error} `earwitness jobs retry` tries it again.", as_json=False)


def _finish(archive: Archive, job_id: int, as_json: bool) -> AccountJob:
    """Take part in the jobs of the account until this one is done or has failed."""
    worker, pace = f"select-{uuid.uuid4()}", Pace()
    columns = ("Changing recordings", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=as_json, transient=True) as progress:
        task = progress.add_task("Changing recordings", total=None)
        try:
            while (job := _job(archive, job_id)).state in ("queued", "running"):
                progress.update(task, completed=job.done, total=job.total)
                began = time.monotonic()
                next_at = account_work.go_on(archive, worker, pace)
                another_has_them = next_at is None or next_at > now_ms()
                # Half of the time is left to other writers, as workers do.
                time.sleep(_LOOKS_AGAIN_SECONDS if another_has_them else time.monotonic() - began)
            return job
        finally:
            account_work.give_back(archive, worker)


def _job(archive: Archive, job_id: int) -> AccountJob:
    with archive.read() as connection:
        job = account_jobs.get(connection, job_id)
    if job is None:
        raise LookupError(f"job {job_id} is gone")
    return job
