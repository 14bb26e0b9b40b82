"""A log in memory, as RFC 6962 §2.1 writes it down, to ask witnesses with. Nothing here is quick."""

import hashlib
from collections.abc import Sequence

from earwitness.archive.ledger.notes.add_checkpoint import AddCheckpoint
from earwitness.archive.ledger.notes.checkpoint import Checkpoint
from earwitness.archive.ledger.notes.keys import Kind, SignerKey
from earwitness.archive.ledger.notes.signed_note import SignedNote


def root(leaves: Sequence[bytes]) -> bytes:
    """MTH."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    middle = _middle(len(leaves))
    return hashlib.sha256(b"\x01" + root(leaves[:middle]) + root(leaves[middle:])).digest()


def proof(older_size: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PROOF; empty where there is nothing to prove."""
    return _subproof(older_size, leaves, is_whole=True) if older_size else []


def _subproof(size: int, leaves: Sequence[bytes], *, is_whole: bool) -> list[bytes]:
    if size == len(leaves):
        return [] if is_whole else [root(leaves)]
    middle = _middle(len(leaves))
    if size <= middle:
        return [*_subproof(size, leaves[:middle], is_whole=is_whole), root(leaves[middle:])]
    return [*_subproof(size - middle, leaves[middle:], is_whole=False), root(leaves[:middle])]


def _middle(size: int) -> int:
    return 1 << ((size - 1).bit_length() - 1)


class PlainLog:
    """A log with its key. `fork_at` gives its leaves other bytes from there on."""

    def __init__(self, origin: str = "log.example/7", fork_at: int | None = None) -> None:
        self.key = SignerKey(origin, Kind.LOG, b"l" * 32)
        self.fork_at = fork_at

    def leaves(self, size: int) -> list[bytes]:
        is_forked = range(size if self.fork_at is None else self.fork_at, size)
        return [f"leaf {number}{' of the fork' * (number in is_forked)}".encode() for number in range(size)]

    def note(self, size: int) -> SignedNote:
        text = Checkpoint(self.key.name, size, root(self.leaves(size))).text
        return SignedNote(text, (self.key.sign(text),))

    def proof(self, older_size: int, size: int) -> list[bytes]:
        return proof(older_size, self.leaves(size))

    def request(self, older_size: int, size: int) -> bytes:
        return AddCheckpoint(older_size, self.proof(older_size, size), self.note(size)).encode()
