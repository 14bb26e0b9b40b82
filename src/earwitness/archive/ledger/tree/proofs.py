"""Proofs that are read from tiles: that a leaf is in a tree, and that one tree is the beginning of another.

What is read: a proof of one leaf reads its tile at each level and the last tile at each level but the
highest. These are at most 2 · levels − 1 tiles, so 5 for a million leaves (three levels), and 3 where the
last tiles have been read already. The root reads one tile a level; a proof between two trees reads at most
2 · levels.
"""

from collections.abc import Iterator, Sequence

from earwitness.archive.ledger.tree.hashing import HASH_BYTES, joined, root_of, split_hashes, subtrees_of
from earwitness.archive.ledger.tree.tiles import (
    TILE_HEIGHT,
    TILE_WIDTH,
    ReadTile,
    Tile,
    checked_tile,
    width_in_tree,
)


class TiledTree:
    """The tree of a log's first `size` leaves. Keeps what it has read, so that many proofs share it.

    It does not check what it reads: compare `root()` with the checkpoint's, or verify the proofs.
    """

    def __init__(self, size: int, read_tile: ReadTile) -> None:
        self.size = size
        self._read_tile = read_tile
        self._tiles: dict[tuple[int, int], bytes] = {}
        self._roots: dict[tuple[int, int], bytes] = {}

    def root(self) -> bytes:
        return self._range_root(0, self.size)

    def inclusion(self, index: int) -> list[bytes]:
        """PATH of RFC 6962 §2.1.1: from the leaf's sibling up to the root's child. Raises IndexError."""
        return [self._range_root(*leaves) for leaves in inclusion_ranges(index, self.size)]

    def consistency(self, older_size: int) -> list[bytes]:
        """PROOF of RFC 6962 §2.1.2, that the tree of `older_size` leaves is this one's beginning.

        It is empty where there is nothing to prove: from an empty tree, and from the same size. Raises
        IndexError.
        """
        return [self._range_root(*leaves) for leaves in consistency_ranges(older_size, self.size)]

    def _range_root(self, start: int, end: int) -> bytes:
        return joined(self._subtree_root(height, number) for height, number in subtrees_of(start, end))

    def _subtree_root(self, height: int, number: int) -> bytes:
        """The root of one full subtree: of hashes that stand side by side in one tile."""
        known = self._roots.get((height, number))
        if known is None:
            level, height_in_tile = divmod(height, TILE_HEIGHT)
            index, first = divmod(number << height_in_tile, TILE_WIDTH)
            part = slice(first * HASH_BYTES, (first + (1 << height_in_tile)) * HASH_BYTES)
            known = self._roots[height, number] = root_of(split_hashes(self._tile(level, index)[part]))
        return known

    def _tile(self, level: int, index: int) -> bytes:
        known = self._tiles.get((level, index))
        if known is None:
            tile = Tile(level, index, width_in_tree(self.size, level, index))
            known = self._tiles[level, index] = checked_tile(tile, self._read_tile(tile))
        return known


def inclusion_ranges(index: int, size: int) -> list[tuple[int, int]]:
    """The subtrees whose roots prove a leaf, each as its leaves from … to before …, the smallest first."""
    if not 0 <= index < size:
        raise IndexError(f"There is no leaf {index} in a tree of {size}.")
    return list(_beside(index, index + 1, size))[::-1]


def consistency_ranges(older_size: int, size: int) -> list[tuple[int, int]]:
    """The subtrees whose roots prove that a tree of `older_size` leaves is the beginning of one of `size`."""
    if not 0 <= older_size <= size:
        raise IndexError(f"A tree of {older_size} leaves is not the beginning of one of {size}.")
    if older_size in (0, size):
        return []
    # The last full subtree of the older tree is where the way down ends. The verifier knows its root only if
    # it is the whole older tree; else it is the first hash of the proof.
    last = list(subtrees_of(0, older_size))[-1]
    start = last[1] << last[0]
    found = list(_beside(start, older_size, size))[::-1]
    return [(start, older_size), *found] if start else found


def _beside(start: int, end: int, size: int) -> Iterator[tuple[int, int]]:
    """The subtrees beside the way from the root down to the subtree from `start` to before `end`."""
    low, high = 0, size
    while (low, high) != (start, end):
        middle = low + (1 << ((high - low - 1).bit_length() - 1))
        if end <= middle:
            yield middle, high
            high = middle
        else:
            yield low, middle
            low = middle


def inclusion_in(leaf_hashes: Sequence[bytes], index: int) -> list[bytes]:
    """The proof of one leaf of a tree whose hashes are all in memory. Of a large tree, read tiles instead.

    Computes as many hashes as the tree has leaves. Raises IndexError.
    """
    return [root_of(leaf_hashes[start:end]) for start, end in inclusion_ranges(index, len(leaf_hashes))]
