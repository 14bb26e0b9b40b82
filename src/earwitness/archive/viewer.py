"""The viewer: who asks, what they may do, and which recordings they may see."""

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


def visible_to(viewer: Viewer) -> ColumnElement[bool]:
    """The one condition on `recordings` that says what a viewer may see.

    Private recordings are seen with their right or by taking part; access policies each limit what is
    seen, and one that lets a recording through is enough.
    """
    return and_(true(), *limits_of(viewer))


def limits_of(viewer: Viewer) -> list[ColumnElement[bool]]:
    """What `visible_to` is made of: empty for a viewer who may see everything."""
    conditions: list[ColumnElement[bool]] = []
    if not viewer.may(Right.RECORDING_PRIVATE_VIEW):
        conditions.append(or_(recordings.c.is_private == false(), _takes_part(viewer)))
    if viewer.policies:
        conditions.append(or_(*(_allowed(policy) for policy in viewer.policies)))
    return conditions


def _takes_part(viewer: Viewer) -> ColumnElement[bool]:
    part = recording_endpoints.c
    is_viewer = part.user_folded == viewer.username_folded
    if viewer.person_id is not None:
        is_viewer = or_(is_viewer, part.person_id == viewer.person_id)
    return exists(select(1).where(part.position == recordings.c.position, is_viewer))


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
