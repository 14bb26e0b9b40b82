"""The version of a recording: a digest that changes when the feed tells a viewer of a change of it.

It is made of the digests of the parts whose changes the viewer is told of, so it tells nothing of the others.
These digests have secret salts, so it tells nothing of what the parts say either.
"""

from hashlib import sha256

from earwitness.archive.access.viewer import Viewer
from earwitness.archive.ledger.feed.kinds import shown_parts
from earwitness.archive.ledger.tree.commitments import PARTS
from earwitness.archive.ledger.tree.hashing import HASH_BYTES

_PREFIX = b"earwitness-version-v1\n"
_ALL_BYTES = len(PARTS) * HASH_BYTES


class RecordVersions:
    """The versions of recordings, as one viewer is given them."""

    def __init__(self, viewer: Viewer) -> None:
        shown = set(shown_parts(viewer))
        self._shown = [
            slice(at * HASH_BYTES, (at + 1) * HASH_BYTES) for at, part in enumerate(PARTS) if part in shown
        ]

    def of(self, digests: bytes) -> str:
        """The version of a recording, by the digests of all its parts as they are stored: 64 hex digits."""
        every = bytes(digests).ljust(_ALL_BYTES, b"\0")  # later parts than it knew are not there
        return sha256(_PREFIX + b"".join([every[one] for one in self._shown])).hexdigest()
