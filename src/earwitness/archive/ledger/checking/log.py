"""Checks the log itself: leaves, tiles, roots and checkpoints, up to the signature.

Each link is compared: an action with its leaf, the leaf with the tile that has its hash, the tile with the
one above it, the last tiles with the root, and the root with the checkpoint that is signed. So who rewrites
some of them, but has no key, is found at the first link that was not rewritten.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, func, select

from earwitness.archive.database.in_list import among
from earwitness.archive.ledger.checking.actions import ACTION, differences_of_action
from earwitness.archive.ledger.checking.differences import Checked, Difference, Named, Thing
from earwitness.archive.ledger.integrating import LOG, read_tile
from earwitness.archive.ledger.notes.checkpoint import Checkpoint
from earwitness.archive.ledger.notes.keys import VerifierKey, verified
from earwitness.archive.ledger.notes.signed_note import NoteRefused, SignedNote
from earwitness.archive.ledger.proving import tree_of
from earwitness.archive.ledger.signing import generation_of
from earwitness.archive.ledger.tree.hashing import HASH_BYTES, leaf_hash, root_of, split_hashes
from earwitness.archive.ledger.tree.tiles import TILE_WIDTH, Tile, TileDamaged, width_in_tree
from earwitness.archive.schema.ledger import ledger_checkpoints, ledger_leaves
from earwitness.archive.schema.work import audit_headers

THE_LOG = Thing("Ledger")

KeyOf = Callable[[str], VerifierKey]
"""The key of the ledger, under the name of an origin."""


@dataclass(slots=True)
class LogCheck:
    """A check of the log as it was at one moment. What is added meanwhile is left to the next one."""

    key_of: KeyOf
    origin: str
    """Of its newest checkpoint."""
    size: int
    holds: int = 0
    """The size of the largest checkpoint whose root holds."""
    _is_broken: bool = field(default=False)

    def check(self, connection: Connection, first: int, most: int) -> Checked:
        """Check the leaves of some tiles of level 0, from the one with the number `first` on."""
        found: list[Difference] = []
        count = 0
        last = min(first + max(most // TILE_WIDTH, 1), -(-self.size // TILE_WIDTH))
        for number in range(first, last):
            count += width_in_tree(self.size, 0, number)
            found += self._tile(connection, number)
        if first == 0:
            found += self._ends(connection)
        found += self._checkpoints(connection, first * TILE_WIDTH, last * TILE_WIDTH)
        return Checked(count, found, last if last * TILE_WIDTH < self.size else None)

    def _tile(self, connection: Connection, number: int) -> Iterator[Difference]:
        tile = Tile(0, number, width_in_tree(self.size, 0, number))
        hashes = _hashes(connection, tile)
        if not hashes:
            yield _damaged(tile, "It is missing or too short.")
        start = number * TILE_WIDTH
        leaf = ledger_leaves.c
        between = leaf.leaf_index.between(start, start + tile.width - 1)
        rows = {row.leaf_index: row for row in connection.execute(select(ledger_leaves).where(between))}
        ids = sorted(row.audit_header_id for row in rows.values())
        these = select(audit_headers).where(among(audit_headers.c.id, ids))
        headers = {header.id: header for header in connection.execute(these)}
        for index in range(start, start + tile.width):
            row = rows.get(index)
            if row is None:
                yield Difference(THE_LOG, f"leaf {index}", "It is missing.")
                continue
            hash_ = hashes[index - start] if hashes else leaf_hash(row.leaf)
            yield from _of_leaf(connection, row, headers.get(row.audit_header_id), hash_)
        if hashes and tile.width == TILE_WIDTH:
            yield from self._above(connection, tile, root_of(hashes))

    def _above(self, connection: Connection, tile: Tile, root: bytes) -> Iterator[Difference]:
        """Compare the root of a full tile with the tile above; if that became full by it, go on with that."""
        index, place = divmod(tile.index, TILE_WIDTH)
        above = Tile(tile.level + 1, index, width_in_tree(self.size, tile.level + 1, index))
        hashes = _hashes(connection, above)
        if len(hashes) <= place or hashes[place] != root:
            yield _damaged(above, f"Its hash {place} is not the root of {tile.path}.")
        if hashes and place == TILE_WIDTH - 1:
            yield from self._above(connection, above, root_of(hashes))

    def _ends(self, connection: Connection) -> Iterator[Difference]:
        """Whether leaves and checkpoints end at the same size."""
        signed = connection.scalar(select(func.max(ledger_checkpoints.c.size))) or 0
        leaves = connection.scalar(select(func.max(ledger_leaves.c.leaf_index) + 1)) or 0
        if signed > leaves:
            yield Difference(THE_LOG, "size", f"It has {leaves} actions, and a checkpoint of {signed}.")
        if leaves > signed:
            yield Difference(
                THE_LOG, "size", f"It has {leaves} actions, and the last checkpoint has {signed}."
            )

    def _checkpoints(self, connection: Connection, above: int, until: int) -> Iterator[Difference]:
        kept = ledger_checkpoints.c
        these = (kept.size > above) & (kept.size <= min(until, self.size))
        for row in connection.execute(select(ledger_checkpoints).where(these).order_by(kept.size)):
            yield from self._checkpoint(connection, row)

    def _checkpoint(self, connection: Connection, row: Any) -> Iterator[Difference]:
        name = f"checkpoint of {row.size}"
        try:
            stated = self.verified(row.note.encode())
        except NoteRefused as error:
            yield Difference(THE_LOG, name, f"It is not what this ledger has signed: {error}.")
            return
        if (stated.size, stated.root) != (row.size, row.root):
            yield Difference(THE_LOG, name, "Its size and root are not those that its note states.")
        if self._is_broken:
            return  # said already: what changed one root changes all that follow
        if self.root(connection, stated.size) == stated.root:
            self.holds = stated.size
        else:
            self._is_broken = True
            since = f"from {self.holds} on" if self.holds else "of the log"
            difference = (
                f"The root is another one now: actions {since} were changed together with their tiles."
            )
            yield Difference(THE_LOG, name, difference)

    def verified(self, note: bytes) -> Checkpoint:
        """What a note states that this ledger has signed. Raises NoteRefused."""
        signed = SignedNote.read(note)
        stated = Checkpoint.read(signed.text)
        if _account_of(stated.origin) != _account_of(self.origin):
            raise NoteRefused(f"it is of another ledger, {stated.origin}")
        verified(signed, [self.key_of(stated.origin)])
        return stated

    def root(self, connection: Connection, size: int) -> bytes | None:
        """The root of the log when it had a size, out of its tiles; None if one is damaged."""
        try:
            return tree_of(connection, size).root()
        except (TileDamaged, IndexError):
            return None


def _of_leaf(connection: Connection, row: Any, header: Any, hash_: bytes) -> Iterator[Difference]:
    if header is None:
        thing = Thing(ACTION, row.audit_header_id)
        yield Difference(thing, "action", "The log has it, and it is not in the audit log any more.")
        return
    if leaf_hash(row.leaf) != hash_:
        action = Named(header.id, header.inserted_at, header.username)
        yield Difference(Thing(ACTION, header.id), "leaf", "Its leaf is not what the log has.", action)
    yield from differences_of_action(connection, header, row.leaf)


def _hashes(connection: Connection, tile: Tile) -> list[bytes]:
    """The hashes of a tile as it is stored; none if it is damaged."""
    try:
        stored = read_tile(connection, LOG, tile)
    except TileDamaged:
        return []
    return split_hashes(stored)[: tile.width] if len(stored) >= tile.width * HASH_BYTES else []


def _damaged(tile: Tile, difference: str) -> Difference:
    return Difference(THE_LOG, tile.path, difference)


def _account_of(origin: str) -> str:
    """The origin of the first log of an account."""
    return origin if generation_of(origin) == 1 else origin.rpartition("/")[0]


def log_check(connection: Connection, key_of: KeyOf, first_origin: str) -> LogCheck:
    """Begin a check of the log as it is now."""
    size = connection.scalar(select(func.max(ledger_leaves.c.leaf_index) + 1)) or 0
    kept = ledger_checkpoints.c
    note = connection.scalar(select(kept.note).order_by(kept.size.desc()).limit(1))
    try:
        origin = Checkpoint.read(SignedNote.read(note.encode()).text).origin if note else first_origin
    except NoteRefused:
        origin = first_origin
    return LogCheck(key_of, origin, size)
