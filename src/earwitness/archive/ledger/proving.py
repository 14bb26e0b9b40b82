"""Reads the log: its newest checkpoint, its tree, and the proofs that it gives."""

from typing import Any

from sqlalchemy import Connection, select

from earwitness.archive.ledger.integrating import LOG, read_tile
from earwitness.archive.ledger.notes.signed_note import SignedNote, read_signatures
from earwitness.archive.ledger.tree.proofs import TiledTree
from earwitness.archive.schema.ledger import ledger_attestations, ledger_checkpoints, ledger_leaves

_NEWEST_GIVEN = (
    select(ledger_checkpoints.c.size, ledger_checkpoints.c.note)
    .where(ledger_checkpoints.c.given_at.is_not(None))
    .order_by(ledger_checkpoints.c.size.desc())
    .limit(1)
)
_NEWEST = select(ledger_checkpoints.c.note).order_by(ledger_checkpoints.c.size.desc()).limit(1)


def newest_checkpoint(connection: Connection) -> SignedNote | None:
    """The newest checkpoint, as it was signed; None if nothing is in the log."""
    note = connection.scalar(_NEWEST)
    return None if note is None else SignedNote.read(note.encode())


def given_checkpoint(connection: Connection) -> SignedNote | None:
    """The newest checkpoint that may be given to anybody, with all cosignatures; None if there is none."""
    return _with_cosignatures(connection, connection.execute(_NEWEST_GIVEN).one_or_none())


def attested_checkpoint(connection: Connection) -> SignedNote | None:
    """The newest checkpoint that a witness cosigned, or an authority timestamped; None if there is none."""
    attested = select(ledger_attestations.c.size).where(
        ledger_attestations.c.size == ledger_checkpoints.c.size
    )
    found = connection.execute(_NEWEST_GIVEN.where(attested.exists())).one_or_none()
    return _with_cosignatures(connection, found)


def timestamps_of(connection: Connection, size: int) -> dict[str, bytes]:
    """The tokens of the timestamps of the checkpoint of a size, by the name of their authority."""
    kept = ledger_attestations.c
    found = select(kept.name, kept.content).where(kept.size == size, kept.kind == "timestamp")
    return {name: bytes(content) for name, content in connection.execute(found)}


def _with_cosignatures(connection: Connection, checkpoint: Any) -> SignedNote | None:
    if checkpoint is None:
        return None
    kept = ledger_attestations.c
    lines = connection.scalars(
        select(kept.content)
        .where(kept.size == checkpoint.size, kept.kind == "cosignature")
        .order_by(kept.name)
    )
    note = SignedNote.read(checkpoint.note.encode())
    return note.signed_also_by(*(one for line in lines for one in read_signatures(bytes(line).decode())))


def leaves_of(connection: Connection, first: int, count: int) -> list[bytes]:
    """The leaves from a place on, counted from 0."""
    index = ledger_leaves.c.leaf_index
    these = select(ledger_leaves.c.leaf).where(index >= first, index < first + count).order_by(index)
    return [bytes(one) for one in connection.scalars(these)]


def tree_of(connection: Connection, size: int, tree: int = LOG) -> TiledTree:
    """The tree of the first leaves of the log, or of the rows of an action. It reads the stored tiles."""
    return TiledTree(size, lambda tile: read_tile(connection, tree, tile))
