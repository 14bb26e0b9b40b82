"""The viewer: who asks, what they may do, and which recordings they may see."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, and_, exists, false, or_, select, true

from earwitness.archive.schema.recordings import recording_data_groups, recording_endpoints, recordings
from earwitness.kernel.errors import Forbidden
from earwitness.kernel.rights import Right


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """Limits recordings to those that meet every condition given; an empty condition is none."""

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
    policies: tuple[AccessPolicy, ...]
    ip_address: str

    def may(self, right: Right) -> bool:
        return right in self.rights

    def require(self, *any_of: Right) -> None:
        """Raise Forbidden, naming the rights, unless one of them is held."""
        if self.rights.isdisjoint(any_of):
            needed = " or ".join(any_of)
            raise Forbidden(f"This needs the right {needed}.", extra={"right": needed})


def takes_part(viewer: Viewer, position: ColumnElement[int]) -> ColumnElement[bool]:
    """The condition that the viewer, by person or by user name, is a participant of the recording there."""
    part = recording_endpoints.c
    is_viewer = part.user_folded == viewer.username_folded
    if viewer.person_id is not None:
        is_viewer = or_(is_viewer, part.person_id == viewer.person_id)
    return exists(select(1).where(part.position == position, is_viewer))


def visible_to(viewer: Viewer) -> ColumnElement[bool]:
    """The one condition on `recordings` that says what a viewer may see.

    Private recordings are seen with their right or by taking part; access policies each limit what is
    seen, and one that lets a recording through is enough.
    """
    return and_(true(), *limits_of(viewer))


def limits_of(viewer: Viewer) -> Iterator[ColumnElement[bool]]:
    """The parts of `visible_to`: nothing for a viewer who sees everything."""
    yield from allowed_to(viewer)
    if not viewer.may(Right.RECORDING_PRIVATE_VIEW):
        yield or_(recordings.c.is_private == false(), takes_part(viewer, recordings.c.position))


def allowed_to(viewer: Viewer) -> Iterator[ColumnElement[bool]]:
    """The part of `visible_to` that access policies make: nothing for a viewer without one."""
    if viewer.policies:
        yield or_(*(_allowed(policy) for policy in viewer.policies))


def check_sees_everything(viewer: Viewer) -> None:
    """Raise Forbidden for a viewer from whom recordings may be hidden.

    It keeps what a recording may need from being deleted without telling whether one does.
    """
    viewer.require(Right.RECORDING_PRIVATE_VIEW)
    if viewer.policies:
        raise Forbidden("Only a user who may see every recording can do this: an access policy limits you.")


def check_may_ingest(viewer: Viewer) -> None:
    """Raise Forbidden for a viewer who may not bring recordings in.

    Whoever is limited by access policies would learn by it what there is that they may not see.
    """
    viewer.require(Right.RECORDING_INGEST)
    if viewer.policies:
        raise Forbidden("Only a user without access policies can bring recordings in, or add to them.")


def _allowed(policy: AccessPolicy) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = []
    for name, values in policy.data_groups.items():
        group = recording_data_groups.c
        conditions.append(
            exists(
                select(1).where(
                    group.position == recordings.c.position, group.name == name, group.value.in_(values)
                )
            )
        )
    if policy.person_ids:
        part = recording_endpoints.c
        conditions.append(
            exists(
                select(1).where(part.position == recordings.c.position, part.person_id.in_(policy.person_ids))
            )
        )
    if policy.communication_types:
        conditions.append(recordings.c.type.in_(policy.communication_types))
    return and_(true(), *conditions)
