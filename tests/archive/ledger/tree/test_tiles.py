"""Paths of tiles and bundles of leaves are those of C2SP's tlog-tiles."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.archive.ledger.tree.tiles import (
    LeafTooLong,
    Tile,
    TileDamaged,
    index_path,
    read_bundle,
    read_index_path,
    read_level,
    write_bundle,
)

INDEXES = st.integers(0, 2**63 - 1)
WIDTHS = st.integers(1, 256)


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(0, 273, 112), "tile/0/273.p/112"),
        (Tile(1, 1000, 1), "tile/1/x001/000.p/1"),
        (Tile(63, 1_234_067), "tile/63/x001/x234/067"),
        (Tile(0, 1_234_067_000), "tile/0/x001/x234/x067/000"),
    ],
)
def test_paths_are_written_in_parts_of_three_digits(tile: Tile, path: str) -> None:
    assert tile.path == path


@settings(deadline=None)
@given(INDEXES, WIDTHS)
def test_a_path_is_read_as_it_was_written(index: int, width: int) -> None:
    assert read_index_path(index_path(index, width)) == (index, width)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "0",
        "0000",
        "00x",
        "x000/001",
        "x001/1",
        "001/002",
        "x001/x002",
        "x001//002",
        "/000",
        "000/",
        "000.p",
        "000.p/0",
        "000.p/01",
        "000.p/256",
        "000.p/257",
        "000.p/-1",
        "000.p/1/2",
        "000\n",
        "x001/000.p/1 ",
        "٠٠٠",
        "../000",
        "x999/" * 10_000 + "000",
    ],
)
def test_another_spelling_of_a_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="path of a tile"):
        read_index_path(path)


def test_a_level_is_a_plain_number_from_0_to_63() -> None:
    assert [read_level(text) for text in ("0", "1", "10", "63")] == [0, 1, 10, 63]
    for text in ("", "00", "01", "64", "100", "-1", "+1", "1 ", "1\n", "٣", "entries"):
        with pytest.raises(ValueError, match="0 to 63"):
            read_level(text)


@settings(deadline=None)
@given(st.lists(st.binary(max_size=600), max_size=256))
def test_a_bundle_gives_the_leaves_that_it_was_made_of(leaves: list[bytes]) -> None:
    assert read_bundle(write_bundle(leaves)) == leaves


def test_a_bundle_states_the_length_of_each_leaf_in_two_bytes() -> None:
    assert write_bundle([b"{}", b"", b"x" * 258]) == b"\0\2{}" + b"\0\0" + b"\1\2" + b"x" * 258


def test_the_longest_leaf_fits_and_one_byte_more_is_refused_with_its_length() -> None:
    assert read_bundle(write_bundle([bytes(65_535)])) == [bytes(65_535)]
    with pytest.raises(LeafTooLong, match="65,536 bytes; 65,535 are allowed"):
        write_bundle([b"{}", bytes(65_536)])


@settings(deadline=None)
@given(st.lists(st.binary(max_size=300), min_size=1, max_size=5), st.data())
def test_a_bundle_that_was_cut_is_refused_or_ends_after_a_whole_leaf(
    leaves: list[bytes], data: st.DataObject
) -> None:
    bundle = write_bundle(leaves)
    cut = bundle[: data.draw(st.integers(0, len(bundle) - 1))]
    try:
        left = read_bundle(cut)
    except TileDamaged:
        return
    assert left == leaves[: len(left)]
    assert write_bundle(left) == cut
