"""earwitness witness: cosign the ledgers of others, apart from any archive. docs/witness.md says what for."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from earwitness.archive.ledger.notes.keys import KeyRefused, Kind, VerifierKey
from earwitness.archive.ledger.notes.policy import Policy, PolicyRefused
from earwitness.cli.listening import listening
from earwitness.cli.output import AsJson, fail, say, show_table, tell_json
from earwitness.http.connections.bounds import Bounds
from earwitness.http.connections.limited_connection import LimitedConnection
from earwitness.kernel.clock import format_ms
from earwitness.kernel.confinement.privileges import keep_memory_private
from earwitness.kernel.logs import log_to_stderr
from earwitness.kernel.system.processes import dump_no_core
from earwitness.witness.app import WitnessApp
from earwitness.witness.witness import Witness, WitnessUnusable

group = typer.Typer(
    help="Cosign the ledgers of others, apart from any archive; docs/witness.md says what for.",
    no_args_is_help=True,
)

Folder = Annotated[
    Path, typer.Option("--folder", help="The folder of the witness, with its key and what it has cosigned.")
]
HERE = Path("earwitness-witness")


@group.command("key")
def key(
    name: Annotated[
        str, typer.Option("--name", help="Make a key with this name, such as audit.example/witness.")
    ] = "",
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Show the witness's verifier key, which logs and readers need; with --name, make the key first.

    A key that is there stays.
    """
    with _telling(as_json):
        witness = Witness.create(folder, name) if name else Witness.open(folder)
        if name and witness.key.name != name:
            fail(f"{folder} has a witness already: {witness.key.name}", as_json=as_json)
        verifier = witness.key.verifier.text
        tell_json({"verifierKey": verifier, "name": witness.key.name}) if as_json else say(verifier)


@group.command("add-log")
def add_log(
    verifier_keys: Annotated[
        list[str] | None, typer.Argument(metavar="[VERIFIER_KEY]...", help="The verifier keys of logs.")
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option("--policy", help="Add all logs of a file in the format of C2SP's tlog-policy."),
    ] = None,
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """List logs, whose checkpoints the witness then cosigns; a running witness knows them at once."""
    with _telling(as_json):
        keys = [VerifierKey.read(one, Kind.LOG) for one in verifier_keys or []]
        if policy:
            keys += [log.key for log in Policy.read(policy.read_bytes()).logs]
        if not keys:
            fail("name a log by its verifier key, or a file of logs by --policy", as_json=as_json)
        state = Witness.open(folder).state
        added = [one.name for one in keys if state.add_key(one)]
    tell_json({"added": added}) if as_json else say(_added_in_words(added))


@group.command("remove-log")
def remove_log(
    verifier_key: Annotated[str, typer.Argument(metavar="VERIFIER_KEY", help="The verifier key of the log.")],
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Take a log, or one key of it, off the list; what was cosigned of it stays known."""
    with _telling(as_json):
        one = VerifierKey.read(verifier_key, Kind.LOG)
        if not Witness.open(folder).state.remove_key(one):
            fail(f"the witness does not list this key of {one.name}", as_json=as_json)
    tell_json({"removed": one.name}) if as_json else say(f"Removed a key of {one.name}.")


@group.command("logs")
def logs(folder: Folder = HERE, as_json: AsJson = False) -> None:
    """Show the logs, and the latest checkpoint of each that was cosigned; exit 1 if a log has forked.

    A fork is a checkpoint that the log signed although this witness had cosigned another root of that size.
    With --json its note is shown, which proves it.
    """
    with _telling(as_json):
        state = Witness.open(folder).state
        keys, forks = state.all_keys(), state.forks()
        latest = {origin: state.latest(origin) for origin in state.origins()}
    rows = [
        {
            "origin": origin,
            "size": one.size,
            "cosignedAt": format_ms(one.cosigned_at * 1000) if one.note else None,
            "verifierKeys": [key.text for key in keys if key.name == origin],
            "forks": [fork.note.decode() for fork in forks if fork.origin == origin],
        }
        for origin, one in latest.items()
    ]
    if as_json:
        tell_json({"logs": rows})
    else:
        show_table(rows, {"origin": "log", "size": "size", "cosignedAt": "cosigned"})
        for row in rows:
            if not row["verifierKeys"]:
                say(f"{row['origin']} is not listed any more.")
        for fork in forks:
            say(f"{fork.origin} has forked: it signed another root of size {fork.size}.")
    if forks:
        raise typer.Exit(1)


@group.command("serve")
def serve(
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port to listen on.")] = 8090,
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Cosign checkpoints of the listed logs, over HTTP (C2SP's tlog-witness)."""
    keep_memory_private()
    dump_no_core(for_good=True)
    with _telling(as_json):
        witness = Witness.open(folder)
        with listening(host, port, as_json=as_json) as where:
            url = where.base_url.removesuffix("/api")
            tell_json({"url": url}) if as_json else say(f"The witness {witness.key.name} is serving {url}")
            log_to_stderr("INFO")
            config = uvicorn.Config(
                WitnessApp(witness),
                http=partial(LimitedConnection, bounds=Bounds()),  # type: ignore[arg-type]
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=10,
            )
            with suppress(KeyboardInterrupt):
                uvicorn.Server(config).run(where.sockets)


@contextmanager
def _telling(as_json: bool) -> Iterator[None]:
    """An error in the block is printed, and ends the command."""
    try:
        yield
    except (WitnessUnusable, KeyRefused, PolicyRefused) as error:
        fail(str(error), as_json=as_json)
    except sqlite3.Error as error:
        fail(f"the state of the witness cannot be used: {error}", as_json=as_json)
    except OSError as error:
        said = [str(part) for part in (error.filename, error.strerror) if part]
        fail(": ".join(said) or type(error).__name__, as_json=as_json)


def _added_in_words(added: list[str]) -> str:
    return f"Added {', '.join(added)}." if added else "All of them are listed already."
