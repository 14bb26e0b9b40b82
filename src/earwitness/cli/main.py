"""The command `earwitness`."""

from typing import Annotated

import typer

from earwitness.cli.lazy_group import Lazy, LazyGroup


class _Earwitness(LazyGroup):
    """All commands, in the order in which `--help` lists them."""

    rows = (
        Lazy(
            "demo",
            "demo.command:demo",
            "Make a demo archive if there is none, add calls of yesterday, and serve it.",
        ),
        Lazy("serve", "serving:serve", "Serve the API, and do background jobs unless told not to."),
        Lazy("worker", "serving:worker", "Do background jobs, without serving the API."),
        Lazy(
            "import",
            "importing:import_",
            "Import recordings: one JSON object of ingest metadata a line, with an optional `mediaPath`.",
        ),
        Lazy(
            "watch",
            "watching:watch",
            "Watch a folder: ingest finished files, then move them to `done`, or to `failed` with the "
            "reason.",
        ),
        Lazy("reprocess", "upkeep.reprocessing:reprocess", "Process recordings again: all steps, or one."),
        Lazy(
            "search",
            "administration.searching:search_",
            "Search recordings, with the right to see all of them.",
        ),
        Lazy(
            "select",
            "administration.selecting:select_",
            "Put all recordings that a search finds into a legal hold or playlist, or change their tags.",
        ),
        Lazy(
            "verify",
            "upkeep.verifying:verify",
            "Check every media object and the databases of an account; exit 1 on any damage.",
        ),
        Lazy(
            "status",
            "upkeep.status:status",
            "Show accounts, recordings, jobs, media, keys in use, free disk space, and what confines "
            "decoders.",
        ),
        Lazy(
            "incomplete",
            "upkeep.incomplete:incomplete",
            "List recordings whose media could not be decoded as a whole, and what is missing.",
        ),
        Lazy("account", "administration.accounts:group", "Accounts: one for each firm."),
        Lazy("user", "administration.users:group", "Users: people and integrations that sign in."),
        Lazy("apikey", "administration.apikeys:group", "API keys: what users sign in with."),
        Lazy("policy", "administration.policies:group", "Access policies: which recordings users see."),
        Lazy("access", "administration.access:group", "Rights, roles, and why a user may see a recording."),
        Lazy("person", "administration.people:group", "People: who owns endpoints, and takes part."),
        Lazy(
            "endpoint",
            "administration.endpoints:group",
            "Endpoints: numbers, addresses and Teams user ids.",
        ),
        Lazy("endpoints", "administration.endpoints:changes", "Endpoints that an upgrade changed."),
        Lazy("retention", "administration.retention:group", "Retention groups, and the account default."),
        Lazy(
            "hold",
            "administration.collections:holds",
            "Legal holds, which keep recordings whatever retention says.",
        ),
        Lazy("playlist", "administration.collections:playlists", "Playlists: recordings to listen to."),
        Lazy("tag", "administration.tags:group", "Tags: the catalogue, and those of a recording."),
        Lazy("comment", "administration.comments:group", "Comments on recordings; users write them."),
        Lazy("jobs", "upkeep.jobs:group", "Background work."),
        Lazy("key", "upkeep.keys:group", "Key-encryption keys; docs/keys.md says what to do with them."),
        Lazy(
            "installation",
            "upkeep.installation:group",
            "What belongs to this archive; docs/keys.md says why.",
        ),
        Lazy("db", "upkeep.databases:group", "Databases."),
        Lazy(
            "ledger",
            "ledger.commands:group",
            "The ledger: what was done and seen, and whether it was changed.",
        ),
        Lazy(
            "witness",
            "witness:group",
            "Cosign the ledgers of others, apart from any archive; docs/witness.md says what for.",
        ),
    )


app = typer.Typer(
    name="earwitness",
    cls=_Earwitness,
    help="A self-hosted archive for regulated communications.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        # Imported here, since `--help` and completion do not need it.
        from earwitness.kernel.version import program_version

        typer.echo(program_version())
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
    # Imported here, since `--help` and completion do not need it.
    from earwitness.kernel.system.processes import open_as_many_files_as_allowed

    open_as_many_files_as_allowed()
