"""New leaves at the end of a log: which tiles are to be written, and the new root."""

from collections.abc import Sequence
from dataclasses import dataclass

from earwitness.archive.ledger.tree.hashing import HASH_BYTES, root_of, split_hashes
from earwitness.archive.ledger.tree.proofs import TiledTree
from earwitness.archive.ledger.tree.tiles import (
    TILE_WIDTH,
    ReadTile,
    Tile,
    checked_tile,
    hashes_at_level,
    width_in_tree,
)

_TILE_BYTES = TILE_WIDTH * HASH_BYTES


@dataclass(frozen=True, slots=True)
class Appended:
    """A log after new leaves. `tiles` are all that are new or longer now, each from its first hash."""

    size: int
    root: bytes
    tiles: dict[Tile, bytes]


def append(size: int, read_tile: ReadTile, leaf_hashes: Sequence[bytes]) -> Appended:
    """Add leaves to a log of `size` leaves.

    Reads the last tile of each level, at most once, and computes as many hashes as there are new leaves,
    and at most 255 more for each level. Given the same leaves again it gives the same tiles, so it may be
    repeated after a kill.
    """
    written: dict[tuple[int, int], bytes] = {}

    def read_new(tile: Tile) -> bytes:
        new = written.get((tile.level, tile.index))
        return read_tile(tile) if new is None else new

    added, level = list(leaf_hashes), 0
    while added:
        full = _grow(hashes_at_level(size, level), level, read_tile, added, written)
        added, level = [root_of(split_hashes(tile)) for tile in full], level + 1
    new_size = size + len(leaf_hashes)
    return Appended(
        size=new_size,
        root=TiledTree(new_size, read_new).root(),
        tiles={
            Tile(level, index, width_in_tree(new_size, level, index)): data
            for (level, index), data in written.items()
        },
    )


def _grow(
    count: int, level: int, read_tile: ReadTile, added: Sequence[bytes], written: dict[tuple[int, int], bytes]
) -> list[bytes]:
    """Add hashes to a level that has `count`. Returns the tiles that have become full."""
    index, width = divmod(count, TILE_WIDTH)
    data = b"".join(added)
    if width:
        last = Tile(level, index, width)
        data = checked_tile(last, read_tile(last)) + data
    tiles = [data[at : at + _TILE_BYTES] for at in range(0, len(data), _TILE_BYTES)]
    written.update({(level, index + number): tile for number, tile in enumerate(tiles)})
    return [tile for tile in tiles if len(tile) == _TILE_BYTES]
