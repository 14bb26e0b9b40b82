"""RFC 6962 §2.1, read as it is written: recursive, over all leaves, slow. Tests compare the tree with it."""

from collections.abc import Sequence
from functools import cache
from hashlib import sha256

from earwitness.archive.ledger.tree.tiles import Tile


def leaf(number: int) -> bytes:
    return f"leaf {number}".encode()


@cache
def root(start: int, end: int) -> bytes:
    """MTH(D[start:end])."""
    if start == end:
        return sha256(b"").digest()
    if end - start == 1:
        return sha256(b"\x00" + leaf(start)).digest()
    middle = start + split(end - start)
    return sha256(b"\x01" + root(start, middle) + root(middle, end)).digest()


def split(count: int) -> int:
    """The largest power of two smaller than `count`."""
    power = 1
    while power * 2 < count:
        power *= 2
    return power


def path(wanted: int, start: int, end: int) -> list[bytes]:
    """PATH(m, D[n]), with m counted from the first leaf of all."""
    if end - start == 1:
        return []
    middle = start + split(end - start)
    if wanted < middle:
        return [*path(wanted, start, middle), root(middle, end)]
    return [*path(wanted, middle, end), root(start, middle)]


def proof(older_size: int, size: int) -> list[bytes]:
    """PROOF(m, D[n])."""
    return subproof(older_size, 0, size, whole=True)


def subproof(older_end: int, start: int, end: int, *, whole: bool) -> list[bytes]:
    """SUBPROOF(m, D[n], b)."""
    if older_end == end:
        return [] if whole else [root(start, end)]
    middle = start + split(end - start)
    if older_end <= middle:
        return [*subproof(older_end, start, middle, whole=whole), root(middle, end)]
    return [*subproof(older_end, middle, end, whole=False), root(start, middle)]


def leaf_hashes(start: int, end: int) -> list[bytes]:
    return [root(number, number + 1) for number in range(start, end)]


class StoredTiles:
    """Tiles as a table would hold them: the longest that there was of each. Counts what is read."""

    def __init__(self) -> None:
        self.longest: dict[tuple[int, int], bytes] = {}
        self.reads: list[Tile] = []

    def store(self, tiles: dict[Tile, bytes]) -> None:
        self.longest.update({(tile.level, tile.index): data for tile, data in tiles.items()})

    def read(self, tile: Tile) -> bytes:
        self.reads.append(tile)
        return self.longest.get((tile.level, tile.index), b"")


def chunks(sizes: Sequence[int]) -> Sequence[Sequence[int]]:
    """Sizes in parts that take about the same time, for tests that run beside each other."""
    return [sizes[start::8] for start in range(8)]
