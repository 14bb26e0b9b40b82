"""earwitness ledger export: a folder that whoever checks the ledger can take along.

verify_ledger.py                 the program that checks the folder, with Python alone
key.txt                          the verifier key of the log, and those of the witnesses
checkpoint.txt                   the newest checkpoint
older/SIZE.txt                   checkpoints of earlier exports, and the newest that others attested
timestamps/SIZE.AUTHORITY.tst    timestamps of that (RFC 3161)
tile/…                           the hashes of the log, and with --leaves its leaves in bundles
proofs/recording-ID.json         the answer of POST /ledger/proof for each recording that was named
"""

from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from sqlalchemy import Connection

from earwitness.api.ledger.proof import get_proof
from earwitness.archive.accounts.accounts import Accounts
from earwitness.archive.ledger.attestation.configured import witnesses_of
from earwitness.archive.ledger.integrating import LOG, read_tile
from earwitness.archive.ledger.notes.checkpoint import Checkpoint
from earwitness.archive.ledger.notes.signed_note import NoteRefused, SignedNote
from earwitness.archive.ledger.proving import (
    attested_checkpoint,
    given_checkpoint,
    leaves_of,
    timestamps_of,
)
from earwitness.archive.ledger.tree.tiles import (
    TILE_WIDTH,
    checked_tile,
    index_path,
    tiles_of,
    width_in_tree,
    write_bundle,
)
from earwitness.archive.upkeep.ledgers.ledger_heads import show_newest
from earwitness.archive.upkeep.ledgers.ledger_log import signer_in
from earwitness.cli.calling import make_in
from earwitness.cli.output import AsJson, ClientId, fail, opened, say, tell_json
from earwitness.kernel.strict_json import MAX_INTEGER

_PROOFS_AT_ONCE = 1000
_VERIFIER = resources.files("earwitness.archive.ledger") / "verify_ledger.py"

Folder = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="It is made, or an earlier export is renewed.")
]
Recordings = Annotated[
    list[int] | None,
    typer.Option(
        "--recording",
        metavar="INTERACTION_ID",
        min=1,
        max=MAX_INTEGER,
        help="Also prove every action on this recording; may be given several times.",
    ),
]
Leaves = Annotated[
    bool,
    typer.Option("--leaves", help="Also write the leaves, which show the routes and times of everything."),
]


def export(
    client_id: ClientId,
    folder: Folder,
    recordings: Recordings = None,
    leaves: Leaves = False,
    as_json: AsJson = False,
) -> None:
    """Write the ledger into a folder that `verify_ledger.py` checks without Earwitness.

    Into the folder of an earlier export only what is new is written; its checkpoint is kept in `older`, and
    compared with the new one.
    """
    with opened(as_json) as accounts:
        archive = accounts.open(client_id)
        show_newest(archive, accounts)
        folder.mkdir(parents=True, exist_ok=True)
        # Before the checkpoint: a proof states the newest of its time, which is no longer than the last one.
        for interaction_id in recordings or []:
            _write_proofs(accounts, client_id, interaction_id, folder)
        with archive.read() as connection:
            if (newest := given_checkpoint(connection)) is None:
                fail("Nothing is in the ledger yet.", as_json=as_json)
            size = Checkpoint.read(newest.text).size
            before = _keep_last(folder, Checkpoint.read(newest.text), as_json)
            keys = [
                signer_in(connection, accounts).verifier,
                *(one.key for one in witnesses_of(accounts.settings)),
            ]
            _write_log(connection, folder, size, before if not leaves else 0, with_leaves=leaves)
            if attested := attested_checkpoint(connection):
                _write_attested(connection, folder, attested)
        _write(folder / "key.txt", "".join(f"{one.text}\n" for one in keys).encode())
        _write(folder / "verify_ledger.py", _VERIFIER.read_bytes())
        _write(folder / "checkpoint.txt", newest.encode())
    if as_json:
        tell_json({"folder": str(folder), "size": size, "recordings": recordings or []})
    else:
        say(f"Wrote the ledger of {size} actions to {folder}.")
        say(f"To check it: python3 {folder}/verify_ledger.py {folder}")


def _write_proofs(accounts: Accounts, client_id: int, interaction_id: int, folder: Path) -> None:
    proven: list[object] = []
    for page in range(1, MAX_INTEGER):
        sent = {"recordingId": interaction_id, "page": page, "pageSize": _PROOFS_AT_ONCE}
        found = make_in(accounts, client_id, "ledger export", get_proof, sent)
        proven += found
        if len(found) < _PROOFS_AT_ONCE:
            break
    _write(folder / f"proofs/recording-{interaction_id}.json", msgspec.json.encode(proven))


def _keep_last(folder: Path, newest: Checkpoint, as_json: bool) -> int:
    """Put the checkpoint of an earlier export among the older ones. Returns its size; 0 if there is none."""
    last = folder / "checkpoint.txt"
    try:
        note = SignedNote.read(last.read_bytes())
        kept = Checkpoint.read(note.text)
    except (FileNotFoundError, NoteRefused):
        return 0  # a damaged one is written anew
    if kept.origin != newest.origin or kept.size > newest.size:
        fail(f"{folder} has {kept.size} actions of {kept.origin}: name another folder", as_json=as_json)
    _write(folder / f"older/{kept.size}.txt", note.encode())
    return kept.size


def _write_log(connection: Connection, folder: Path, size: int, before: int, *, with_leaves: bool) -> None:
    for tile in tiles_of(size, before):
        _write(folder / tile.path, checked_tile(tile, read_tile(connection, LOG, tile)))
    if with_leaves:
        for path, bundle in _bundles(connection, size):
            _write(folder / "tile/entries" / path, bundle)


def _bundles(connection: Connection, size: int) -> Iterator[tuple[str, bytes]]:
    for index in range(-(-size // TILE_WIDTH)):
        width = width_in_tree(size, 0, index)
        yield index_path(index, width), write_bundle(leaves_of(connection, index * TILE_WIDTH, width))


def _write_attested(connection: Connection, folder: Path, note: SignedNote) -> None:
    size = Checkpoint.read(note.text).size
    _write(folder / f"older/{size}.txt", note.encode())
    for authority, token in timestamps_of(connection, size).items():
        _write(folder / f"timestamps/{size}.{authority}.tst", token)


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
