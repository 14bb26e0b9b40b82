"""Holds actions against their leaves: what a leaf would be now, out of the header and its rows."""

from collections.abc import Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from earwitness.archive.ledger.checking.differences import Difference, Named, Thing
from earwitness.archive.ledger.integrating import read_tile
from earwitness.archive.ledger.leaf_rows import FEW_ROWS, MadeLeaf, leaf_of, rows_of
from earwitness.archive.ledger.tree.hashing import leaf_hash, split_hashes
from earwitness.archive.ledger.tree.leaves import Leaf, Row, row_bytes
from earwitness.archive.ledger.tree.tiles import TILE_WIDTH, Tile, TileDamaged

ACTION = "Action"
_NAMED_AT_MOST = 5
_COLUMNS = {"user": "username", "address": "ipAddress", "request": "requestId", "at": "insertedAt"}
"""The names of fields of a leaf that are commitments or short, as the audit log has them."""
_ROWS = {"rows", "rowsRoot"}


def differences_of_action(connection: Connection, header: Any, stored: bytes) -> Iterator[Difference]:
    """What differs between an action, as its header and rows are stored, and its leaf."""
    thing = Thing(ACTION, header.id)
    action = Named(header.id, header.inserted_at, header.username)
    if header.is_pending:
        yield Difference(thing, "isPending", "The log has it, and it is marked as not there yet.", action)
    try:
        leaf = msgspec.json.decode(stored, type=Leaf)
    except msgspec.MsgspecError:
        yield Difference(thing, "leaf", "It is no leaf.", action)
        return
    try:
        made = leaf_of(connection, header, leaf.type)
    except SQLAlchemyError as error:
        if getattr(error, "orig", None) is not None:  # the database said it: it is no difference
            raise
        made = None
    except (TypeError, ValueError, LookupError):
        made = None
    if made is None:
        yield Difference(thing, "action", "No leaf can be made of its header and rows.", action)
        return
    if made.leaf != stored:
        yield from _fields(connection, thing, action, leaf, made)
    yield from _row_tiles(connection, thing, action, made)


def _fields(
    connection: Connection, thing: Thing, action: Named, leaf: Leaf, made: MadeLeaf
) -> Iterator[Difference]:
    then, now = msgspec.to_builtins(leaf), msgspec.json.decode(made.leaf)
    differing = sorted(name for name in then.keys() | now.keys() if then.get(name) != now.get(name))
    for name in differing:
        if name not in _ROWS:
            yield Difference(thing, _COLUMNS.get(name, name), "It is not what the log has.", action)
    if not _ROWS.isdisjoint(differing):
        yield from _rows(connection, thing, action, leaf, made)
    elif not differing:
        yield Difference(thing, "leaf", "It is written otherwise than a leaf is.", action)


def _rows(
    connection: Connection, thing: Thing, action: Named, leaf: Leaf, made: MadeLeaf
) -> Iterator[Difference]:
    if leaf.rows != made.rows:
        difference = f"It has {made.rows} rows, and the log has {leaf.rows}."
        yield Difference(thing, "rows", difference, action)
        return
    rows = list(_changed_rows(connection, made))
    for row in rows[:_NAMED_AT_MOST]:
        difference = "What this action did to it is not what the log has."
        yield Difference(Thing(row.parent, row.parent_id), "auditRow", difference, action)
    if not rows or len(rows) > _NAMED_AT_MOST or (made.rows > 1 and made.rows <= FEW_ROWS):
        yield Difference(thing, "rows", f"Of its {made.rows} rows not all are what the log has.", action)


def _changed_rows(connection: Connection, made: MadeLeaf) -> Iterator[Row]:
    """The rows that were changed, or, where the log has no hash of each row, those of few that may be."""
    if made.rows <= FEW_ROWS:
        if made.rows <= _NAMED_AT_MOST:
            yield from rows_of(connection, made.header)
        return
    hashes: list[bytes] = []
    for number, row in enumerate(rows_of(connection, made.header)):
        tile, place = divmod(number, TILE_WIDTH)
        if place == 0:
            hashes = _stored_hashes(connection, made.header, Tile(0, tile))
        if hashes[place : place + 1] != [leaf_hash(row_bytes(row))]:
            yield row


def _stored_hashes(connection: Connection, header: int, tile: Tile) -> list[bytes]:
    try:
        return split_hashes(read_tile(connection, header, tile))
    except TileDamaged:
        return []


def _row_tiles(connection: Connection, thing: Thing, action: Named, made: MadeLeaf) -> Iterator[Difference]:
    """Stored tiles of the rows of a large action, with which its proofs are made."""
    for tile, hashes in made.row_tiles.items():
        try:
            is_same = read_tile(connection, made.header, tile) == hashes
        except TileDamaged:
            is_same = False
        if not is_same:
            yield Difference(thing, tile.path, "The tile is not that of its rows.", action)
            return
