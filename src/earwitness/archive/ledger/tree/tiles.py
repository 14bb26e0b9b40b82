"""Tiles and entry bundles, as C2SP's tlog-tiles defines them.

A tile has up to 256 hashes that stand side by side in the tree: at level 0 hashes of leaves, at each level
above the roots of full tiles of the level below. A bundle has the up to 256 leaves of one tile of level 0.
A tile grows at its end alone, so whoever stores the longest one that there was can answer for each shorter
one with its first hashes.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from earwitness.archive.ledger.tree.hashing import HASH_BYTES

TILE_WIDTH = 256
TILE_HEIGHT = 8
LEAF_LIMIT_BYTES = 65_535
"""A bundle states the length of each leaf in two bytes."""

_LEVELS = 64
_PATH = re.compile(r"((?:x[0-9]{3}/)*)([0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII)
_LONGEST_PATH = 64


class LeafTooLong(ValueError):
    """A leaf has more bytes than a bundle can hold."""

    def __init__(self, length_bytes: int) -> None:
        super().__init__(
            f"A leaf of the ledger has {length_bytes:,} bytes; {LEAF_LIMIT_BYTES:,} are allowed."
        )


class TileDamaged(ValueError):
    """A stored tile or bundle is not what its place in the tree needs."""


@dataclass(frozen=True, slots=True)
class Tile:
    """The place of a tile: `index` counts the tiles of its level; `width` of its hashes are meant."""

    level: int
    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """Below the log's prefix."""
        return f"tile/{self.level}/{index_path(self.index, self.width)}"


ReadTile = Callable[[Tile], bytes]
"""Gives the hashes of a tile, one after the other: at least `width` of them."""


def index_path(index: int, width: int = TILE_WIDTH) -> str:
    """The last part of a tile's or bundle's path, such as `x001/x234/067` or `000.p/12`."""
    thousands, last = divmod(index, 1000)
    path = f"{last:03}"
    while thousands:
        thousands, part = divmod(thousands, 1000)
        path = f"x{part:03}/{path}"
    return path if width == TILE_WIDTH else f"{path}.p/{width}"


def read_index_path(path: str) -> tuple[int, int]:
    """The index and width of a path. Raises ValueError unless it is written as `index_path` writes it."""
    found = _PATH.fullmatch(path) if len(path) <= _LONGEST_PATH else None
    if found is not None:
        index = int(found[1].replace("x", "").replace("/", "") + found[2])
        width = int(found[3] or TILE_WIDTH)
        if width <= TILE_WIDTH and index_path(index, width) == path:
            return index, width
    raise ValueError("This is not the path of a tile.")


def read_level(text: str) -> int:
    """The level that a path names. Raises ValueError unless it is a plain number from 0 to 63."""
    if re.fullmatch(r"0|[1-9][0-9]?", text, re.ASCII) and int(text) < _LEVELS:
        return int(text)
    raise ValueError("The level of a tile is a number from 0 to 63.")


def hashes_at_level(size: int, level: int) -> int:
    """How many hashes all tiles of a level have together, in a tree of `size` leaves."""
    return size >> (TILE_HEIGHT * level)


def width_in_tree(size: int, level: int, index: int) -> int:
    """How many hashes a tile has in a tree of `size` leaves: 0 if that tree does not have it."""
    return max(0, min(TILE_WIDTH, hashes_at_level(size, level) - index * TILE_WIDTH))


def tiles_of(size: int, older_size: int = 0) -> Iterator[Tile]:
    """All tiles of a tree of `size` leaves that are new or longer than in the tree of `older_size`."""
    level = 0
    while count := hashes_at_level(size, level):
        for index in range(hashes_at_level(older_size, level) // TILE_WIDTH, -(-count // TILE_WIDTH)):
            width = width_in_tree(size, level, index)
            if width > width_in_tree(older_size, level, index):
                yield Tile(level, index, width)
        level += 1


def checked_tile(tile: Tile, data: bytes) -> bytes:
    """The hashes of a tile, out of what was stored: as much or more. Raises TileDamaged if less."""
    wanted = tile.width * HASH_BYTES
    if len(data) < wanted:
        raise TileDamaged(f"{tile.path} of the ledger has {len(data)} bytes instead of {wanted}.")
    return data[:wanted]


def write_bundle(leaves: Sequence[bytes]) -> bytes:
    """The bundle of some leaves. Raises LeafTooLong."""
    parts: list[bytes] = []
    for leaf in leaves:
        parts += (len(checked_leaf(leaf)).to_bytes(2, "big"), leaf)
    return b"".join(parts)


def read_bundle(data: bytes) -> list[bytes]:
    """The leaves of a bundle. Raises TileDamaged if it ends within one."""
    leaves: list[bytes] = []
    at = 0
    while at < len(data):
        start = at + 2
        at = start + int.from_bytes(data[at:start], "big")
        if start > len(data) or at > len(data):
            raise TileDamaged("A bundle of the ledger ends within a leaf.")
        leaves.append(data[start:at])
    return leaves


def checked_leaf(leaf: bytes) -> bytes:
    """The same leaf. Raises LeafTooLong; to be asked before anything is acknowledged that needs the leaf."""
    if len(leaf) > LEAF_LIMIT_BYTES:
        raise LeafTooLong(len(leaf))
    return leaf
