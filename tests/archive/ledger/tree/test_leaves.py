"""The bytes of leaves and rows, and the digests that stand in them for values."""

import json
from hashlib import sha256
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.archive.ledger.tree.commitments import (
    PARTS,
    Part,
    canonical,
    comment_part,
    comments_digest,
    commitment,
    part_digest,
    part_salt,
    record_digest,
)
from earwitness.archive.ledger.tree.leaves import Checkpoint, Leaf, LeafType, Row, leaf_bytes, row_bytes
from earwitness.archive.ledger.tree.tiles import LeafTooLong

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.integers(0, 2**53 - 1)
NAMES = st.sampled_from(["tags", "source", "comment/7", "Holds"])
LEAVES = st.builds(
    Leaf,
    type=st.sampled_from(get_args(LeafType)),
    header=NUMBERS,
    at=NUMBERS,
    method=TEXTS,
    route=TEXTS,
    description=TEXTS,
    user=TEXTS,
    address=TEXTS,
    rows=NUMBERS,
    rows_root=TEXTS,
    user_id=st.none() | NUMBERS,
    request=st.none() | TEXTS,
    order=st.none() | NUMBERS,
    previous=st.none() | st.builds(Checkpoint, origin=TEXTS, size=NUMBERS, root=TEXTS),
)
ROWS = st.builds(
    Row,
    entity=TEXTS,
    id=NUMBERS,
    parent=TEXTS,
    parent_id=NUMBERS,
    code=NUMBERS,
    metadata=st.none() | TEXTS,
    before=st.none() | st.dictionaries(NAMES, TEXTS),
)
SALT, SUBJECT_SALT = bytes(range(16)), bytes(range(32))


@settings(deadline=None)
@given(LEAVES, ROWS)
def test_leaves_and_rows_are_in_the_form_of_rfc_8785(leaf: Leaf, row: Row) -> None:
    for written in (leaf_bytes(leaf), row_bytes(row)):
        assert written == canonical(json.loads(written))


def test_a_leaf_has_its_version_and_nothing_that_does_not_apply() -> None:
    leaf = Leaf(
        type="action", header=7, at=1, method="POST", route="/client/recording.search", description="Search",
        user="aa", address="bb", rows=0, rows_root="cc",
    )  # fmt: skip
    assert leaf_bytes(leaf) == (
        b'{"address":"bb","at":1,"description":"Search","header":7,"method":"POST","route":'
        b'"/client/recording.search","rows":0,"rowsRoot":"cc","type":"action","user":"aa","v":1}'
    )
    assert msgspec.json.decode(leaf_bytes(leaf), type=Leaf) == leaf


def test_a_leaf_that_no_bundle_can_hold_is_refused_when_it_is_made() -> None:
    leaf = Leaf(
        type="action", header=7, at=1, method="POST", route="/", description="x" * 65_535,
        user="aa", address="bb", rows=0, rows_root="cc",
    )  # fmt: skip
    with pytest.raises(LeafTooLong):
        leaf_bytes(leaf)


@pytest.mark.parametrize(
    ("value", "form"),
    [
        # RFC 8785 §3.2.2 and §3.2.3, and appendix B.
        (
            {
                "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
                "string": "€$\x0f\nA'B\"\\\\\"/",
                "literals": [None, True, False],
            },
            '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
            '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
        ),
        (
            {"€": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\x80": 6, "ö": 7},
            '{"\\r":2,"1":4,"\x80":6,"ö":7,"€":1,"\U0001f600":5,"\ufb33":3}',
        ),
        ([-0.0, 5e-324, 1.7976931348623157e308, 1e21, 1e20, 1e-6, 1e-7],
         "[0,5e-324,1.7976931348623157e+308,1e+21,100000000000000000000,0.000001,1e-7]"),
        # Beyond what every reader keeps exactly: appendix D.
        ([2**53 - 1, 2**53, -(2**53), {"a": [2**64]}, True],
         '[9007199254740991,"9007199254740992","-9007199254740992",{"a":["18446744073709551616"]},true]'),
    ],
)  # fmt: skip
def test_the_canonical_form_is_that_of_rfc_8785(value: object, form: str) -> None:
    assert canonical(value) == form.encode()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", {1: 2}, object(), b"x"])
def test_what_is_no_json_has_no_canonical_form(value: object) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        canonical(value)


def test_digests_are_those_of_the_format() -> None:
    assert commitment(SALT, b"alice") == sha256(SALT + b"alice").digest()
    salt = part_salt(SUBJECT_SALT, "tags")
    assert part_digest(SUBJECT_SALT, "tags", ["b", "a"]) == sha256(salt + b'["b","a"]').digest()


def test_equal_values_of_two_parts_or_comments_look_different() -> None:
    empty: list[Any] = []
    digests = {part_digest(SUBJECT_SALT, part, empty) for part in [*PARTS, *map(comment_part, range(5))]}
    assert len(digests) == len(PARTS) + 5


@pytest.mark.parametrize("part", PARTS)
def test_the_digest_of_a_recording_depends_on_each_part_and_on_its_absence(part: Part) -> None:
    digests: dict[Part, bytes | None] = {one: part_digest(SUBJECT_SALT, one, [one]) for one in PARTS}
    changed = part_digest(SUBJECT_SALT, part, ["changed"])
    assert len({record_digest(digests | {part: value}) for value in (digests[part], changed, None)}) == 3


def test_the_digest_of_comments_depends_on_their_ids_and_not_on_the_order_in_which_they_are_read() -> None:
    one, two = bytes([1]) * 32, bytes([2]) * 32
    assert comments_digest({1: one, 2: two}) == comments_digest({2: two, 1: one})
    assert comments_digest({1: one, 2: two}) != comments_digest({1: two, 2: one})
    assert comments_digest({}) is None


def test_salts_and_digests_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        commitment(SALT[:-1], b"alice")
    with pytest.raises(ValueError, match="32 bytes"):
        part_salt(SALT, "tags")
    with pytest.raises(ValueError, match="32 bytes"):
        record_digest({"tags": b"short"})
