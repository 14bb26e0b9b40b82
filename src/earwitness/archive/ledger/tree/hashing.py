"""Hashes of a Merkle tree, as RFC 6962 §2.1 (the same in RFC 9162 §2.1) defines them, with SHA-256.

A leaf and a node are hashed with different first bytes, so that no leaf can pass for a node.
"""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()
"""The root of a tree without leaves."""


def leaf_hash(leaf: bytes) -> bytes:
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def root_of(hashes: Sequence[bytes]) -> bytes:
    """The root of a tree whose leaves have these hashes.

    The hashes of each level are joined in pairs; one without a partner moves up as it is. That is the same
    tree as the RFC's, which splits at the largest power of two.
    """
    if not hashes:
        return EMPTY_ROOT
    level = list(hashes)
    while len(level) > 1:
        paired = len(level) & ~1
        above = [node_hash(level[at], level[at + 1]) for at in range(0, paired, 2)]
        level = above + level[paired:]
    return level[0]


def joined(subtrees: Iterable[bytes]) -> bytes:
    """The root over the full subtrees that a tree consists of, from left (the largest) to right."""
    from_the_right = reversed(list(subtrees))
    root = next(from_the_right, None)
    if root is None:
        return EMPTY_ROOT
    for left in from_the_right:
        root = node_hash(left, root)
    return root


def subtrees_of(start: int, end: int) -> Iterator[tuple[int, int]]:
    """The full subtrees that the leaves from `start` to before `end` consist of, from left to right.

    Each is (height, number): it has the 2^height leaves from number · 2^height on. `start` is one where a
    subtree of the whole tree begins, so that the largest one fits first.
    """
    while start < end:
        height = (end - start).bit_length() - 1
        yield height, start >> height
        start += 1 << height


def split_hashes(data: bytes) -> list[bytes]:
    return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]
