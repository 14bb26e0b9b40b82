"""What the feed says of a change: one row for each part of a recording, and one kind for each change.

`docs/changes.md` has the same for those who read the feed.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from earwitness.archive.access.viewer import Viewer
from earwitness.archive.ledger.tree.commitments import PARTS, Part
from earwitness.kernel.rights import Right

Kind = Literal[
    "destroyed",
    "hidden",
    "created",
    "media",
    "transcript",
    "commented",
    "held",
    "released",
    "changed",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""A change of several parts has the first of the kinds that it could have."""


@dataclass(frozen=True, slots=True)
class PartKind:
    """What a change of a part is called; `taken` if the part is not there any more. `right` shows it."""

    kind: Kind
    taken: Kind | None = None
    right: Right | None = None

    def is_shown_to(self, viewer: Viewer) -> bool:
        return self.right is None or viewer.may(self.right)


PART_KINDS: Mapping[Part, PartKind | None] = {
    "source": PartKind("changed"),
    "participants": PartKind("changed"),
    "media": PartKind("media"),
    "transcript": PartKind("transcript", right=Right.RECORDING_TRANSCRIPTION_VIEW),
    "message": PartKind("changed"),
    "tags": PartKind("changed"),
    "comments": PartKind("commented", right=Right.RECORDING_COMMENT_VIEW),
    "privacy": PartKind("changed"),
    "retention": PartKind("changed"),
    "holds": PartKind("held", taken="released"),
    "playlists": None,  # they are lists of users, and nothing of the recording
}

if tuple(PART_KINDS) != PARTS:
    raise TypeError("PART_KINDS needs one row for each part of a recording, in the order of PARTS.")

_COMMENTS: Part = "comments"
_OF_NAME: Mapping[str, PartKind | None] = {str(part): row for part, row in PART_KINDS.items()}


def shown_parts(viewer: Viewer) -> list[Part]:
    """The parts whose changes a viewer is told of, who may see the recording, in the order of PARTS."""
    return [part for part, row in PART_KINDS.items() if row is not None and row.is_shown_to(viewer)]


def kind_of(viewer: Viewer, names: Iterable[str], taken: set[str]) -> Kind | None:
    """What a viewer is told of a change of these parts, of which some were taken away; None for nothing."""
    kinds = set(_kinds(viewer, names, taken))
    return next((kind for kind in KINDS if kind in kinds), None)


def _kinds(viewer: Viewer, names: Iterable[str], taken: set[str]) -> Iterator[Kind]:
    for name in names:
        row = _OF_NAME[_COMMENTS if name.startswith("comment/") else name]
        if row is not None and row.is_shown_to(viewer):
            yield row.taken if row.taken and name in taken else row.kind
