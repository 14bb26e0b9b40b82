"""The viewer: who asks, what they may do, and what limits which recordings they see."""

from dataclasses import dataclass, field

from earwitness.kernel.errors import Forbidden
from earwitness.kernel.rights import Right


@dataclass(frozen=True, slots=True)
class PolicyConditions:
    """The conditions of an access policy, as they are stored; an empty one is no condition.

    `visibility.py` has a row for each: what it requires of a recording.
    """

    data_groups: dict[str, list[str]] = field(default_factory=dict)
    person_ids: list[int] = field(default_factory=list)
    communication_types: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Viewer:
    """The signed-in user of one request."""

    client_id: int
    user_id: int
    username: str
    username_folded: str
    person_id: int | None
    rights: frozenset[Right]
    policies: tuple[PolicyConditions, ...]
    ip_address: str

    def may(self, right: Right) -> bool:
        return right in self.rights

    def require(self, *any_of: Right) -> None:
        """Raise Forbidden, naming the rights, unless one of them is held."""
        if self.rights.isdisjoint(any_of):
            needed = " or ".join(any_of)
            raise Forbidden(f"This needs the right {needed}.", extra={"right": needed})


def check_sees_everything(viewer: Viewer) -> None:
    """Raise Forbidden for a viewer who may not see every recording.

    Such a viewer may not delete what recordings may use: a refusal would tell that a hidden one does.
    """
    viewer.require(Right.RECORDING_PRIVATE_VIEW)
    if viewer.policies:
        raise Forbidden("Only a user who may see every recording can do this: an access policy limits you.")


def check_may_ingest(viewer: Viewer) -> None:
    """Raise Forbidden for a viewer who may not bring recordings in.

    A viewer with access policies may not: the answers would tell which recordings there are already.
    """
    viewer.require(Right.RECORDING_INGEST)
    if viewer.policies:
        raise Forbidden("Only a user without access policies can bring recordings in, or add to them.")
