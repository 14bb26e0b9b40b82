"""What an action changed of one thing: the values that it replaced, and digests of both sides."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from earwitness.archive.ledger.tree.hashing import HASH_BYTES

ABSENT = bytes(HASH_BYTES)
"""Stands for the digest of what is not there."""


@dataclass(frozen=True, slots=True)
class Changed:
    """The parts of a recording that changed, or the one part of anything else: a person, a user and so on."""

    before: Mapping[str, Any]
    """The value of each part that was replaced; parts that were not there are left out."""
    before_digests: Mapping[str, bytes]
    after_digests: Mapping[str, bytes]
    """By the name of each part that changed. What is not there has none."""
    record_digest: bytes | None = None
    """Of the whole recording, after the change."""
    seen_by: Mapping[str, Any] | None = None

    @property
    def parts(self) -> list[str]:
        return sorted(self.before_digests.keys() | self.after_digests.keys())

    @property
    def columns(self) -> dict[str, Any]:
        """As `audit_changes` has it."""
        parts = self.parts
        return {
            "parts": parts,
            "before": dict(self.before),
            "before_digests": b"".join(self.before_digests.get(part, ABSENT) for part in parts),
            "after_digests": b"".join(self.after_digests.get(part, ABSENT) for part in parts),
            "record_digest": self.record_digest,
            "seen_by": self.seen_by,
        }
