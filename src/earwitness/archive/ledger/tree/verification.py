"""Verification of proofs, as RFC 9162 §2.1.3.2 and §2.1.4.2 define it. A proof is hostile until it is
verified.
"""

from collections.abc import Sequence

from earwitness.archive.ledger.tree.hashing import EMPTY_ROOT, HASH_BYTES, node_hash


class ProofRefused(ValueError):
    """A proof does not show what it is said to show."""


def verify_inclusion(leaf_hash: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Raises ProofRefused unless the leaf is at `index` of the tree of `size` leaves with this root."""
    if not 0 <= index < size:
        raise ProofRefused(f"There is no leaf {index} in a tree of {size}.")
    _check_lengths(leaf_hash, root, *path)
    if _climb(path, index, size, leaf_hash)[0] != root:
        raise ProofRefused("The proof leads to another root.")


def verify_consistency(
    older_size: int, older_root: bytes, size: int, root: bytes, path: Sequence[bytes]
) -> None:
    """Raises ProofRefused unless the older tree is the beginning of the other one.

    An empty tree is the beginning of every tree, and a tree is its own beginning: there the proof is empty.
    """
    if not 0 <= older_size <= size:
        raise ProofRefused(f"A tree of {older_size} leaves is not the beginning of one of {size}.")
    _check_lengths(older_root, root, *path)
    if older_size in (0, size):
        same = older_root == root if older_size == size else older_root == EMPTY_ROOT
        if not same:
            raise ProofRefused("Two trees of one size have different roots.")
        if path:
            raise ProofRefused("The proof has hashes where nothing is to be proven.")
        return
    if not path:
        raise ProofRefused("The proof has fewer hashes than the tree needs.")
    # A tree of 2^n leaves is a subtree of the newer one: its root begins the proof, and is not sent.
    first, *rest = path if older_size & (older_size - 1) else (older_root, *path)
    number, last = older_size - 1, size - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    if _climb(rest, number, last + 1, first) != (root, older_root):
        raise ProofRefused("The proof leads to another root.")


def _climb(path: Sequence[bytes], number: int, width: int, start: bytes) -> tuple[bytes, bytes]:
    """From one hash, `number` of a level that is `width` wide, up to the root.

    Returns the root of the whole tree, and of the tree that would end with the start. Raises ProofRefused if
    the path has not as many hashes as it needs.
    """
    last, root, ending_here = width - 1, start, start
    for beside in path:
        if last == 0:
            raise ProofRefused("The proof has more hashes than the tree has levels.")
        if number & 1 or number == last:
            root, ending_here = node_hash(beside, root), node_hash(beside, ending_here)
            # On levels where the last subtree has no partner, it moves up as it is.
            while number and not number & 1:
                number, last = number >> 1, last >> 1
        else:
            root = node_hash(root, beside)
        number, last = number >> 1, last >> 1
    if last != 0:
        raise ProofRefused("The proof has fewer hashes than the tree needs.")
    return root, ending_here


def _check_lengths(*hashes: bytes) -> None:
    if any(len(one) != HASH_BYTES for one in hashes):
        raise ProofRefused(f"A hash has {HASH_BYTES} bytes.")
