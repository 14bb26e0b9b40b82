"""Reads the log: its newest checkpoint, its tree, and the proofs that it gives."""

from sqlalchemy import Connection, select

from earwitness.archive.ledger.integrating import LOG, read_tile
from earwitness.archive.ledger.notes.signed_note import SignedNote
from earwitness.archive.ledger.tree.proofs import TiledTree
from earwitness.archive.schema.ledger import ledger_checkpoints

_NEWEST = select(ledger_checkpoints.c.note).order_by(ledger_checkpoints.c.size.desc()).limit(1)


def newest_checkpoint(connection: Connection) -> SignedNote | None:
    """The newest checkpoint, as it was signed; None if nothing is in the log."""
    note = connection.scalar(_NEWEST)
    return None if note is None else SignedNote.read(note.encode())


def tree_of(connection: Connection, size: int, tree: int = LOG) -> TiledTree:
    """The tree of the first leaves of the log, or of the rows of an action. It reads the stored tiles."""
    return TiledTree(size, lambda tile: read_tile(connection, tree, tile))
