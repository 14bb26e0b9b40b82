"""Makes leaves of what is committed, and numbers what was changed.

A turn reads what is pending and makes its leaves, which may take long, and then adds them to the tree in a
short write. The bytes of a leaf are settled when its action is written: done again after a kill, they are the
same. Nothing here decides on the order of commits: what is not committed yet will be added in a later turn.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, insert, literal, or_, select, update

from earwitness.archive.database.bulk_insert import insert_many
from earwitness.archive.database.in_list import among
from earwitness.archive.ledger.leaf_rows import MadeLeaf, leaf_of, pending_headers
from earwitness.archive.ledger.tree.appending import append
from earwitness.archive.ledger.tree.hashing import leaf_hash
from earwitness.archive.ledger.tree.tiles import Tile, TileDamaged
from earwitness.archive.schema.dialects import insert_into
from earwitness.archive.schema.ledger import audit_changes, ledger_checkpoints, ledger_leaves, ledger_tiles
from earwitness.archive.schema.people import FEED_RESTARTED, FEED_SKIPPED, counters
from earwitness.archive.schema.work import audit_headers, audit_rows
from earwitness.kernel.clock import now_ms

Sign = Callable[[int, bytes], str]
"""Makes the signed note of a checkpoint, of its size and root."""

_LEAVES_AT_ONCE = 500
_CHANGES_AT_ONCE = 2_500
_TILES_AT_ONCE = 100
"""They have 8 KiB each."""

_CHANGES_OF_A_GENERATION = 1 << 31
"""More changes than an account has in its life."""

_SIZE, _SEQUENCE = "ledger", "change"

LOG = 0
"""The tree of the log itself, among the trees whose tiles are stored."""


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest header and the newest row that are committed."""

    header: int
    row: int


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn adds: leaves that were made, and the oldest change without a number, if there is one.

    `is_full` says that more was left when it was prepared.
    """

    leaves: Sequence[MadeLeaf]
    oldest_change: int | None
    is_full: bool = False

    @property
    def is_empty(self) -> bool:
        return not self.leaves and self.oldest_change is None

    def is_after(self, newest: Newest) -> bool:
        """Whether all of it was written after a moment."""
        return (not self.leaves or self.leaves[0].header > newest.header) and (
            self.oldest_change is None or self.oldest_change > newest.row
        )


def is_pending(connection: Connection) -> bool:
    """Whether there is something to add."""
    return bool(connection.scalar(_IS_PENDING))


_IS_PENDING = select(
    or_(
        select(audit_headers.c.id).where(audit_headers.c.is_pending).exists(),
        select(audit_changes.c.audit_row_id).where(audit_changes.c.sequence.is_(None)).exists(),
    )
)


def newest(connection: Connection) -> Newest:
    """What is committed now."""
    ids = connection.execute(select(_NEWEST_HEADER, _NEWEST_ROW)).one()
    return Newest(ids[0] or 0, ids[1] or 0)


_NEWEST_HEADER = select(func.max(audit_headers.c.id)).scalar_subquery()
_NEWEST_ROW = select(func.max(audit_rows.c.id)).scalar_subquery()


def prepare(connection: Connection, most: int = _LEAVES_AT_ONCE) -> Turn:
    """Make the leaves of what is pending, in a read. An action of many rows is a turn of its own."""
    leaves: list[MadeLeaf] = []
    rows = 0
    for header, type_ in pending_headers(connection, most):
        leaves.append(leaf_of(connection, header, type_))
        rows += leaves[-1].rows
        if rows > _CHANGES_AT_ONCE:
            break
    oldest = connection.scalar(_UNNUMBERED)
    more = oldest is not None and connection.scalar(_MORE_UNNUMBERED) is not None
    has_all = len(leaves) < most and rows <= _CHANGES_AT_ONCE
    return Turn(leaves, oldest, is_full=more or not has_all)


def row_tiles(turn: Turn) -> Iterator[tuple[int, dict[Tile, bytes]]]:
    """The tiles over the rows of each action that has many, a few at a time, with the action's header.

    They are written before its leaf, in short writes of their own. Written again they are the same.
    """
    for one in turn.leaves:
        tiles = iter(one.row_tiles.items())
        while some := dict(itertools.islice(tiles, _TILES_AT_ONCE)):
            yield one.header, some


def add(connection: Connection, turn: Turn, sign: Sign) -> None:
    """Add what was prepared, in a write: tiles, leaves and a checkpoint, and numbers of changes.

    The row tiles of the turn have to be there before, see `row_tiles`.
    Only one transaction adds at a time; what another one added meanwhile is left out.
    """
    size = _take_counter(connection, _SIZE)
    number_changes(connection)
    ids = [one.header for one in turn.leaves]
    taken = update(audit_headers).where(among(audit_headers.c.id, ids), audit_headers.c.is_pending)
    still_pending = set(connection.scalars(taken.values(is_pending=False).returning(audit_headers.c.id)))
    leaves = [one for one in turn.leaves if one.header in still_pending]
    if not leaves:
        return
    appended = append(
        size, lambda tile: read_tile(connection, LOG, tile), [leaf_hash(one.leaf) for one in leaves]
    )
    rows = [
        {"leaf_index": index, "audit_header_id": one.header, "leaf": one.leaf}
        for index, one in enumerate(leaves, start=size)
    ]
    insert_many(connection, ledger_leaves, rows)
    write_tiles(connection, LOG, appended.tiles)
    _set_counter(connection, _SIZE, appended.size)
    checkpoint = {
        "size": appended.size,
        "root": appended.root,
        "signed_at": now_ms(),
        "note": sign(appended.size, appended.root),
    }
    connection.execute(insert(ledger_checkpoints).values(checkpoint))


def read_tile(connection: Connection, tree: int, tile: Tile) -> bytes:
    """The hashes of a tile as it is stored, which may be longer than asked for. Raises TileDamaged.

    `tree` is LOG, or the header of an action with many rows.
    """
    asked = {"of_tree": tree, "of_level": tile.level, "of_number": tile.index}
    stored = connection.scalar(_TILE, asked)
    if stored is None:
        raise TileDamaged(f"{tile.path} of the ledger is missing.")
    return bytes(stored)


_TILE = select(ledger_tiles.c.hashes).where(
    ledger_tiles.c.tree == bindparam("of_tree"),
    ledger_tiles.c.level == bindparam("of_level"),
    ledger_tiles.c.number == bindparam("of_number"),
)


def write_tiles(connection: Connection, tree: int, tiles: Mapping[Tile, bytes]) -> None:
    """Write tiles of a tree: of the log, or of the rows under a header. Longer ones replace those there."""
    written = insert_into(ledger_tiles, connection.dialect.name)
    longer = written.on_conflict_do_update(
        index_elements=["tree", "level", "number"], set_={"hashes": written.excluded.hashes}
    )
    rows = [
        {"tree": tree, "level": one.level, "number": one.index, "hashes": data} for one, data in tiles.items()
    ]
    connection.execute(longer, rows)


def number_changes(connection: Connection) -> bool:
    """Give numbers to changes that have none, as many as take no longer than a blink. Returns if there were.

    This needs no key, and is not held up by what holds up the log.
    """
    last = _take_counter(connection, _SEQUENCE)
    change = audit_changes.c
    first = (
        select(change.audit_row_id)
        .where(change.sequence.is_(None))
        .order_by(change.audit_row_id)
        .limit(_CHANGES_AT_ONCE)
        .subquery("first")
    )
    row_number = func.row_number().over(order_by=first.c.audit_row_id)
    unnumbered = select(first.c.audit_row_id, (literal(last) + row_number).label("sequence")).subquery()
    numbered = connection.execute(
        update(audit_changes)
        .where(change.audit_row_id == unnumbered.c.audit_row_id)
        .values(sequence=unnumbered.c.sequence)
    ).rowcount
    if numbered:
        _set_counter(connection, _SEQUENCE, last + numbered)
    return numbered > 0


def restart_numbers(connection: Connection, generation: int) -> None:
    """Leave out numbers of changes: those of each generation of the log begin above all of the one before.

    Clients may have places in the feed that an older database, which was restored, does not know. They are
    below the numbers that follow, so that none of them is taken for a place of this database.
    """
    last = _take_counter(connection, _SEQUENCE)
    skipped = _take_counter(connection, FEED_SKIPPED)
    _take_counter(connection, FEED_RESTARTED)
    first = max(last, generation * _CHANGES_OF_A_GENERATION)
    _set_counter(connection, _SEQUENCE, first)
    _set_counter(connection, FEED_SKIPPED, skipped + first - last)
    _set_counter(connection, FEED_RESTARTED, first)


def has_unnumbered(connection: Connection, until: int | None = None) -> bool:
    """Whether there is a change without a number, among those up to a row of the audit log."""
    oldest = connection.scalar(_UNNUMBERED)
    return oldest is not None and (until is None or oldest <= until)


def restarted_at(connection: Connection) -> int:
    """The number below which places in the feed are from before a database was restored; 0 if none was."""
    return connection.scalar(_RESTARTED) or 0


def newest_sequence(connection: Connection) -> int:
    """The number of the newest change that has one; 0 if none has."""
    return connection.scalar(_NEWEST_SEQUENCE) or 0


_UNNUMBERED = (
    select(audit_changes.c.audit_row_id)
    .where(audit_changes.c.sequence.is_(None))
    .order_by(audit_changes.c.audit_row_id)
    .limit(1)
)
_MORE_UNNUMBERED = _UNNUMBERED.offset(_CHANGES_AT_ONCE)
_RESTARTED = select(counters.c.value).where(counters.c.name == FEED_RESTARTED)
_NEWEST_SEQUENCE = select(counters.c.value).where(counters.c.name == _SEQUENCE)


def _take_counter(connection: Connection, name: str) -> int:
    """The value of a counter, which no other transaction changes until this one ends."""
    first = insert_into(counters, connection.dialect.name).values(name=name, value=0)
    same = first.on_conflict_do_update(index_elements=["name"], set_={"value": counters.c.value})
    value: int = connection.execute(same.returning(counters.c.value)).scalar_one()
    return value


def _set_counter(connection: Connection, name: str, value: int) -> None:
    connection.execute(update(counters).where(counters.c.name == name).values(value=value))
