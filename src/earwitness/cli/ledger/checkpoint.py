"""earwitness ledger checkpoint: the newest checkpoint of an account, to be kept elsewhere."""

from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection

from earwitness.archive.ledger.notes.checkpoint import Checkpoint
from earwitness.archive.ledger.notes.signed_note import SignedNote
from earwitness.archive.ledger.proving import attested_checkpoint, given_checkpoint, timestamps_of
from earwitness.archive.upkeep.ledgers.ledger_heads import show_newest
from earwitness.cli.output import AsJson, ClientId, fail, opened, say, tell_json

Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="FILE",
        help="Write the checkpoint to a file, and beside it each timestamp of it: FILE.AUTHORITY.tst.",
    ),
]
Witnessed = Annotated[
    bool,
    typer.Option(
        "--witnessed", help="The newest that a witness cosigned, or an authority timestamped: once an hour."
    ),
]


def checkpoint(
    client_id: ClientId, out: Out = None, witnessed: Witnessed = False, as_json: AsJson = False
) -> None:
    """Show the newest checkpoint: a signed note with the number of actions, and one hash over all of them.

    Keep it where the people of the archive cannot change it: `ledger verify --against` compares with it.
    """
    with opened(as_json) as accounts:
        archive = accounts.open(client_id)
        show_newest(archive, accounts)
        with archive.read() as connection:
            note = attested_checkpoint(connection) if witnessed else given_checkpoint(connection)
            if note is None:
                fail("Nobody outside has attested a checkpoint of this ledger yet.", as_json=as_json)
            files = _write(connection, note, out) if out else []
    head, text = Checkpoint.read(note.text), note.encode().decode()
    if as_json:
        tell_json({"origin": head.origin, "size": head.size, "checkpoint": text, "files": files})
    elif out:
        say(f"Wrote the checkpoint of {head.size} actions to {' and '.join(files)}.")
    else:
        typer.echo(text, nl=False)


def _write(connection: Connection, note: SignedNote, out: Path) -> list[str]:
    """Write a checkpoint and its timestamps. Returns the names of the files."""
    out.write_bytes(note.encode())
    files = [out]
    for authority, token in timestamps_of(connection, Checkpoint.read(note.text).size).items():
        files.append(out.with_name(f"{out.name}.{authority}.tst"))
        files[-1].write_bytes(token)
    return [str(one) for one in files]
