"""Roots and proofs are those of RFC 6962, read from few tiles; what is no proof is refused."""

from collections.abc import Callable, Sequence
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.archive.ledger.tree.appending import append
from earwitness.archive.ledger.tree.hashing import EMPTY_ROOT, HASH_BYTES, leaf_hash, root_of
from earwitness.archive.ledger.tree.proofs import TiledTree, inclusion_in
from earwitness.archive.ledger.tree.tiles import Tile, TileDamaged, tiles_of
from earwitness.archive.ledger.tree.verification import (
    ProofRefused,
    verify_consistency,
    verify_inclusion,
)
from tests.archive.ledger.tree import plain_tree
from tests.archive.ledger.tree.plain_tree import StoredTiles, chunks, leaf_hashes

MOST = 600
MILLION = 1_000_000
SIZES = st.integers(1, MOST)


@cache
def stored(size: int) -> StoredTiles:
    tiles = StoredTiles()
    tiles.store(append(0, tiles.read, leaf_hashes(0, size)).tiles)
    return tiles


def tree(size: int) -> TiledTree:
    """A tree that is read from the tiles of a larger one, as that of an older checkpoint is."""
    return TiledTree(size, stored(MOST).read)


@cache
def million() -> StoredTiles:
    """The tiles of a million leaves, all with the same hash: what is read does not depend on it."""
    tiles = StoredTiles()
    tiles.store(append(0, tiles.read, [leaf_hash(b"")] * MILLION).tiles)
    return tiles


@pytest.mark.parametrize("sizes", chunks(range(MOST + 1)))
def test_every_leaf_of_every_tree_is_proven_as_the_rfc_says(sizes: Sequence[int]) -> None:
    for size in sizes:
        one, root = tree(size), plain_tree.root(0, size)
        assert one.root() == root
        for index in range(size):
            path = one.inclusion(index)
            assert path == plain_tree.path(index, 0, size)
            verify_inclusion(plain_tree.root(index, index + 1), index, size, path, root)


@pytest.mark.parametrize("sizes", chunks(range(1, MOST + 1)))
def test_every_tree_is_proven_to_begin_with_every_older_one_as_the_rfc_says(sizes: Sequence[int]) -> None:
    for size in sizes:
        one, root = tree(size), plain_tree.root(0, size)
        for older_size in range(1, size + 1):
            path = one.consistency(older_size)
            assert path == plain_tree.proof(older_size, size)
            verify_consistency(older_size, plain_tree.root(0, older_size), size, root, path)


def test_roots_are_those_of_the_vectors_of_certificate_transparency() -> None:
    leaves = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ]
    hashes = [leaf_hash(bytes.fromhex(leaf)) for leaf in leaves]
    assert [root_of(hashes[:size]).hex() for size in range(1, 9)] == [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 300) | st.sampled_from([255, 256, 257, 512]), max_size=8))
def test_a_log_that_grows_in_steps_has_the_tiles_and_roots_of_one_made_at_once(steps: list[int]) -> None:
    tiles, size = StoredTiles(), 0
    for step in steps:
        grown = append(size, tiles.read, leaf_hashes(size, size + step))
        assert set(grown.tiles) == set(tiles_of(size + step, size))
        tiles.store(grown.tiles)
        size += step
        assert (grown.size, grown.root) == (size, plain_tree.root(0, size))
    at_once = append(0, tiles.read, leaf_hashes(0, size))
    assert at_once.tiles == {tile: tiles.longest[tile.level, tile.index] for tile in tiles_of(size)}


@pytest.mark.parametrize("size", [1, 255, 256, 257, 70_000])
def test_tiles_have_the_hashes_that_tlog_tiles_defines(size: int) -> None:
    written = append(0, StoredTiles().read, leaf_hashes(0, size)).tiles
    for tile, data in written.items():
        span = 256**tile.level
        first = tile.index * 256
        expected = [
            plain_tree.root(number * span, (number + 1) * span) for number in range(first, first + tile.width)
        ]
        assert data == b"".join(expected)


def test_the_tiles_of_70_000_leaves_are_those_of_the_example_of_tlog_tiles() -> None:
    tiles = list(tiles_of(70_000))
    assert [tile.level for tile in tiles if tile.width == 256] == [0] * 273 + [1]
    assert [(tile.level, tile.width) for tile in tiles if tile.width < 256] == [(0, 112), (1, 17), (2, 1)]
    assert list(tiles_of(256)) == [Tile(0, 0), Tile(1, 0, 1)]


def test_appending_again_after_a_kill_writes_the_same() -> None:
    tiles = StoredTiles()
    tiles.store(append(0, tiles.read, leaf_hashes(0, 300)).tiles)
    first = append(300, tiles.read, leaf_hashes(300, 700))
    # Some of its tiles were stored before the kill: they are longer than the log says, and begin the same.
    tiles.store(dict(list(first.tiles.items())[:1]))
    assert append(300, tiles.read, leaf_hashes(300, 700)) == first


def test_appending_one_leaf_to_a_million_reads_and_writes_one_tile_at_each_level() -> None:
    tiles = million()
    tiles.reads.clear()
    grown = append(MILLION, tiles.read, [leaf_hash(b"")])
    assert (len(tiles.reads), len(grown.tiles)) == (3, 1)


def test_a_proof_of_one_of_a_million_leaves_reads_five_tiles_and_the_next_ones_share_them() -> None:
    tiles = million()
    tiles.reads.clear()
    one = TiledTree(MILLION, tiles.read)
    root = one.root()
    assert len(tiles.reads) == 3
    for index in (0, 123_456, 999_999):
        tiles.reads.clear()
        verify_inclusion(leaf_hash(b""), index, MILLION, one.inclusion(index), root)
        assert len(tiles.reads) <= 3
        tiles.reads.clear()
        TiledTree(MILLION, tiles.read).inclusion(index)
        assert len(tiles.reads) <= 5


@pytest.mark.parametrize("older_size", [1, 65_535, 65_536, 500_001, 999_999])
def test_a_proof_between_two_trees_of_a_million_reads_at_most_six_tiles(older_size: int) -> None:
    tiles = million()
    tiles.reads.clear()
    one = TiledTree(MILLION, tiles.read)
    path = one.consistency(older_size)
    assert len(tiles.reads) <= 6
    older_root = TiledTree(older_size, tiles.read).root()
    verify_consistency(older_size, older_root, MILLION, one.root(), path)


@pytest.mark.parametrize("left", [b"", b"x" * HASH_BYTES, b"x" * (HASH_BYTES * 44 - 1)])
def test_a_tile_that_was_cut_is_named_and_nothing_is_made_from_it(left: bytes) -> None:
    tiles = StoredTiles()
    tiles.store(append(0, tiles.read, leaf_hashes(0, 300)).tiles)
    tiles.longest[0, 1] = left
    asked: list[Callable[[], object]] = [
        TiledTree(300, tiles.read).root,
        lambda: TiledTree(300, tiles.read).inclusion(299),
        lambda: append(300, tiles.read, leaf_hashes(300, 301)),
    ]
    for ask in asked:
        with pytest.raises(TileDamaged, match=r"tile/0/001\.p/44"):
            ask()


@settings(deadline=None)
@given(SIZES, st.data())
def test_rows_in_memory_are_proven_as_those_in_tiles(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    assert inclusion_in(leaf_hashes(0, size), index) == tree(size).inclusion(index)


def test_rows_of_a_large_action_are_proven_from_tiles_above_the_lowest() -> None:
    """What a batch stores of 20,000 rows: one hash for 256 of them. The lowest tile is made from its rows."""
    count = 20_000
    rows = leaf_hashes(0, count)
    tiles = StoredTiles()
    tiles.store(append(0, tiles.read, rows).tiles)

    def read(tile: Tile) -> bytes:
        start = tile.index * 256
        return b"".join(rows[start : start + tile.width]) if tile.level == 0 else tiles.read(tile)

    path = TiledTree(count, read).inclusion(12_345)
    assert len(tiles.reads) <= 1
    verify_inclusion(rows[12_345], 12_345, count, path, root_of(rows))


def test_an_empty_tree_has_the_hash_of_nothing_and_begins_every_tree() -> None:
    assert tree(0).root() == root_of([]) == EMPTY_ROOT
    verify_consistency(0, EMPTY_ROOT, 5, plain_tree.root(0, 5), tree(5).consistency(0))
    with pytest.raises(ProofRefused):
        verify_consistency(0, plain_tree.root(0, 1), 5, plain_tree.root(0, 5), [])


@pytest.mark.parametrize("index", [-1, 5, 600])
def test_a_leaf_that_is_not_in_the_tree_has_no_proof(index: int) -> None:
    with pytest.raises(IndexError):
        tree(5).inclusion(index)
    with pytest.raises(ProofRefused):
        verify_inclusion(plain_tree.root(0, 1), index, 5, [], plain_tree.root(0, 5))


@pytest.mark.parametrize("older_size", [-1, 6])
def test_a_tree_that_is_not_older_has_no_proof(older_size: int) -> None:
    with pytest.raises(IndexError):
        tree(5).consistency(older_size)
    with pytest.raises(ProofRefused):
        verify_consistency(older_size, plain_tree.root(0, 1), 5, plain_tree.root(0, 5), [])


def spoiled(path: list[bytes], data: st.DataObject) -> list[bytes]:
    """The same proof with a hash too many, too few, changed, cut or moved."""
    at = data.draw(st.integers(0, max(0, len(path) - 1)))
    other = data.draw(st.binary(min_size=HASH_BYTES, max_size=HASH_BYTES))
    ways = [[*path[:at], other, *path[at:]], [*path, other], [*path, *path, EMPTY_ROOT]]
    if path:
        flipped = bytes([path[at][0] ^ 1]) + path[at][1:]
        ways += [
            path[:at] + path[at + 1 :],
            [*path[:at], flipped, *path[at + 1 :]],
            [*path[:at], path[at][:-1], *path[at + 1 :]],
            [*path[:at], path[at] + b"\0", *path[at + 1 :]],
            [*path[:at], b"", *path[at + 1 :]],
        ]
    if path[::-1] != path:
        ways.append(path[::-1])
    return data.draw(st.sampled_from(ways))


@settings(deadline=None)
@given(SIZES, st.data())
def test_a_spoiled_proof_of_a_leaf_is_refused(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    path, root = plain_tree.path(index, 0, size), plain_tree.root(0, size)
    with pytest.raises(ProofRefused):
        verify_inclusion(plain_tree.root(index, index + 1), index, size, spoiled(path, data), root)


@settings(deadline=None)
@given(st.integers(2, MOST), st.data())
def test_a_proof_shows_no_other_leaf_place_or_root(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(0, size - 1).filter(lambda one: one != index))
    path, root = plain_tree.path(index, 0, size), plain_tree.root(0, size)
    mine, others = plain_tree.root(index, index + 1), plain_tree.root(other, other + 1)
    claims = [
        (others, index, root),
        (mine, other, root),
        (mine, index, plain_tree.root(0, size + 1)),
        (mine[:-1], index, root),
        (mine, index, root + b"\0"),
    ]
    for leaf, place, end in claims:
        with pytest.raises(ProofRefused):
            verify_inclusion(leaf, place, size, path, end)


@settings(deadline=None)
@given(SIZES, st.data())
def test_a_spoiled_proof_between_two_trees_is_refused(size: int, data: st.DataObject) -> None:
    older_size = data.draw(st.integers(0, size))
    path = plain_tree.proof(older_size, size) if older_size else []
    older_root, root = plain_tree.root(0, older_size), plain_tree.root(0, size)
    with pytest.raises(ProofRefused):
        verify_consistency(older_size, older_root, size, root, spoiled(path, data))


@settings(deadline=None)
@given(SIZES, st.data())
def test_a_tree_whose_older_leaves_were_changed_is_refused(size: int, data: st.DataObject) -> None:
    older_size = data.draw(st.integers(1, size))
    changed = data.draw(st.integers(0, older_size - 1))
    hashes = leaf_hashes(0, size)
    hashes[changed] = leaf_hash(b"another")
    tiles = StoredTiles()
    forged = append(0, tiles.read, hashes)
    tiles.store(forged.tiles)
    path = TiledTree(size, tiles.read).consistency(older_size)
    with pytest.raises(ProofRefused):
        verify_consistency(older_size, plain_tree.root(0, older_size), size, forged.root, path)
