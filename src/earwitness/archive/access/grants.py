"""What a user holds, and whether another user may give it: nobody gives what they lack themselves."""

from dataclasses import dataclass, replace

from sqlalchemy import Connection, not_, select

from earwitness.archive.access.viewer import Viewer
from earwitness.archive.access.visibility import is_participant, visible_to
from earwitness.archive.schema.people import access_policies, user_policies, user_roles_and_rights, users
from earwitness.archive.schema.recordings import recording_endpoints, recordings
from earwitness.kernel.errors import Forbidden, NotFound
from earwitness.kernel.rights import Right, rights_of


@dataclass(frozen=True, slots=True)
class Grants:
    """The roles, rights and access policies of a user, and the name and person by which they take part.

    A user without access policies is not limited.
    """

    granted: frozenset[str]
    policy_ids: frozenset[int]
    username_folded: str
    person_id: int | None
    is_active: bool = True
    is_locked: bool = False

    @property
    def rights(self) -> frozenset[Right]:
        return rights_of(self.granted)


def grants_of(connection: Connection, user_id: int) -> Grants:
    """Raises NotFound."""
    user = connection.execute(select(users).where(users.c.id == user_id)).one_or_none()
    if user is None:
        raise NotFound(f"There is no user {user_id}.")
    granted = select(user_roles_and_rights.c.name).where(user_roles_and_rights.c.user_id == user_id)
    return Grants(
        granted=frozenset(connection.scalars(granted)),
        policy_ids=policy_ids_of(connection, user_id),
        username_folded=user.username_folded,
        person_id=user.person_id,
        is_active=user.is_active,
        is_locked=user.is_locked,
    )


def policy_ids_of(connection: Connection, user_id: int) -> frozenset[int]:
    limiting = select(user_policies.c.access_policy_id).where(user_policies.c.user_id == user_id)
    return frozenset(connection.scalars(limiting))


def only_takes_away(before: Grants, after: Grants) -> bool:
    """Whether a change gives a user nothing new. Everybody who may change users may make such a change."""
    return (
        after.rights <= before.rights
        and _within(after.policy_ids, before.policy_ids)
        and after.username_folded == before.username_folded
        and after.person_id in {before.person_id, None}
        and (before.is_active or not after.is_active)
        and (after.is_locked or not before.is_locked)
    )


def check_within(connection: Connection, viewer: Viewer, grants: Grants) -> None:
    """Raise Forbidden, naming what is too much, if these grants allow more than the viewer's own.

    Call it before anything is changed, so that viewers cannot remove their own limits first.
    """
    beyond = _beyond(grants, viewer)
    if beyond:
        raise Forbidden(f"This goes beyond your own rights: {', '.join(beyond)}.")
    own = policy_ids_of(connection, viewer.user_id)
    if not _within(grants.policy_ids, own):
        raise Forbidden(f"This goes beyond the access policies that limit you: {_names(connection, own)}.")
    if _sees_more_private(connection, viewer, grants):
        right = Right.RECORDING_PRIVATE_VIEW
        raise Forbidden(
            f"This user takes part in private recordings that you may not see; that needs the right {right}."
        )


def _within(inner: frozenset[int], outer: frozenset[int]) -> bool:
    """Whether the inner policies let nothing through that the outer do not. No policy means no limit."""
    return not outer or (bool(inner) and inner <= outer)


def _beyond(grants: Grants, viewer: Viewer) -> list[str]:
    beyond = []
    for name in sorted(grants.granted):
        missing = sorted(rights_of(frozenset({name})) - viewer.rights)
        if missing:
            beyond.append(name if missing == [name] else f"{name} ({', '.join(missing)})")
    return beyond


def _names(connection: Connection, policy_ids: frozenset[int]) -> str:
    names = select(access_policies.c.name).where(access_policies.c.id.in_(policy_ids))
    return ", ".join(connection.scalars(names.order_by(access_policies.c.id)))


def _sees_more_private(connection: Connection, viewer: Viewer, grants: Grants) -> bool:
    """Whether a user of these grants takes part in private recordings that the viewer may not see."""
    if viewer.may(Right.RECORDING_PRIVATE_VIEW):
        return False
    is_user = is_participant(grants.username_folded, grants.person_id)
    theirs = recordings.c.position.in_(select(recording_endpoints.c.position).where(is_user))
    unseen = not_(visible_to(replace(viewer, policies=())))
    more = select(recordings.c.position).where(theirs, recordings.c.is_private, unseen)
    return connection.scalar(more.limit(1)) is not None
