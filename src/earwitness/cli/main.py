"""The command `earwitness`."""

from typing import Annotated

import typer

from earwitness.cli import importing, serving
from earwitness.cli.administration import (
    accounts,
    apikeys,
    collections,
    comments,
    endpoints,
    people,
    policies,
    retention,
    searching,
    tags,
    users,
)
from earwitness.cli.demo.command import demo
from earwitness.cli.output import say
from earwitness.cli.upkeep import databases, installation, jobs, keys, verifying
from earwitness.cli.upkeep.incomplete import incomplete
from earwitness.cli.upkeep.reprocessing import reprocess
from earwitness.cli.upkeep.status import status
from earwitness.cli.watching import watch
from earwitness.kernel.system.processes import open_as_many_files_as_allowed
from earwitness.kernel.version import program_version

app = typer.Typer(
    name="earwitness",
    help="A self-hosted archive for regulated communications.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        say(program_version())
        raise typer.Exit


@app.callback()
def prepare(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version of this program."
        ),
    ] = False,
) -> None:
    """A self-hosted archive for regulated communications."""
    open_as_many_files_as_allowed()


app.command("demo")(demo)
app.command("serve")(serving.serve)
app.command("worker")(serving.worker)
app.add_typer(accounts.group, name="account")
app.add_typer(users.group, name="user")
app.add_typer(apikeys.group, name="apikey")
app.add_typer(policies.group, name="policy")
app.add_typer(people.group, name="person")
app.add_typer(endpoints.group, name="endpoint")
app.add_typer(endpoints.changes, name="endpoints")
app.add_typer(retention.group, name="retention")
app.add_typer(collections.holds, name="hold")
app.add_typer(collections.playlists, name="playlist")
app.add_typer(tags.group, name="tag")
app.add_typer(comments.group, name="comment")
app.command("import")(importing.import_)
app.command("watch")(watch)
app.add_typer(jobs.group, name="jobs")
app.command("reprocess")(reprocess)
app.command("search")(searching.search_)
app.command("verify")(verifying.verify)
app.add_typer(keys.group, name="key")
app.add_typer(installation.group, name="installation")
app.command("status")(status)
app.command("incomplete")(incomplete)
app.add_typer(databases.group, name="db")
