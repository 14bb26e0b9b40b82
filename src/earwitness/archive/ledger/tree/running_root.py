"""The root of a tree whose leaves come one after the other, such as the rows of an action that is done in
batches.

It keeps one hash for each full subtree: at most 19 for 500,000 rows. What it keeps can be stored between
batches.
"""

from collections.abc import Sequence
from typing import Self

from earwitness.archive.ledger.tree.hashing import HASH_BYTES, joined, node_hash, root_of, split_hashes
from earwitness.archive.ledger.tree.proofs import inclusion_ranges

_SIZE_BYTES = 8


class RunningRoot:
    def __init__(self) -> None:
        self.size = 0
        self._subtrees: list[bytes] = []

    def add(self, leaf_hash: bytes) -> None:
        number = self.size
        while number & 1:
            leaf_hash = node_hash(self._subtrees.pop(), leaf_hash)
            number >>= 1
        self._subtrees.append(leaf_hash)
        self.size += 1

    def root(self) -> bytes:
        """The root of what has been added so far; more may follow."""
        return joined(self._subtrees)

    def saved(self) -> bytes:
        """The size in 8 bytes, big-endian, and the hashes of the full subtrees from left to right."""
        return self.size.to_bytes(_SIZE_BYTES, "big") + b"".join(self._subtrees)

    @classmethod
    def continued(cls, saved: bytes) -> Self:
        """Go on from what `saved` gave. Raises ValueError if it cannot be that."""
        running = cls()
        running.size = int.from_bytes(saved[:_SIZE_BYTES], "big")
        running._subtrees = split_hashes(saved[_SIZE_BYTES:])
        if len(saved) != _SIZE_BYTES + running.size.bit_count() * HASH_BYTES:
            raise ValueError("The saved state of a tree is damaged.")
        return running


def inclusion_in(leaf_hashes: Sequence[bytes], index: int) -> list[bytes]:
    """The proof of one leaf of a tree whose hashes are all in memory. Of a large tree, read tiles instead.

    Computes as many hashes as the tree has leaves. Raises IndexError.
    """
    return [root_of(leaf_hashes[start:end]) for start, end in inclusion_ranges(index, len(leaf_hashes))]
