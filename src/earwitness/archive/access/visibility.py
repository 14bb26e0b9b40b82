"""Who may see a recording, and what they may do with it: one row for each rule.

Everything that asks this reads these rows: the condition on recordings that are known (`visible_to`), the
filters of a search (`archive/search/access_policies.py`), calls in progress
(`archive/people/inflight_calls.py`), `earwitness access explain` (`explanation.py`), and `docs/rights.md`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Table, and_, exists, false, or_, select, true

from earwitness.archive.access.seen_by import SeenBy
from earwitness.archive.access.viewer import PolicyConditions, Viewer
from earwitness.archive.schema.recordings import recording_data_groups, recording_endpoints, recordings
from earwitness.kernel.rights import Right


@dataclass(frozen=True, slots=True)
class Requirement:
    """What one condition of a policy requires: a row of `table` with one of these values in `column`.

    The row is at the recording's position, and has the values of `others` in its other columns.
    """

    name: str
    """The condition, as the API names it, and its number where a policy may have several: `dataGroups[0]`."""
    condition: str
    """The field of `PolicyConditions` that it comes from."""
    table: Table
    column: str
    values: Sequence[Any]
    others: Mapping[str, str] = field(default_factory=dict)

    def is_met(self) -> ColumnElement[bool]:
        """The condition on `recordings`."""
        columns = self.table.c
        has_value = columns[self.column].in_(self.values)
        if self.table is recordings:
            return has_value
        others = (columns[name] == value for name, value in self.others.items())
        return exists(select(1).where(columns.position == recordings.c.position, *others, has_value))


@dataclass(frozen=True, slots=True)
class PolicyCondition:
    """One kind of condition that an access policy may have. `requirements` gives none if it has none."""

    field: str
    sentence: str
    requirements: Callable[[PolicyConditions], Iterator[Requirement]]
    was_met: Callable[[PolicyConditions, SeenBy], bool]
    """The same, for a recording as it was. True if the policy has no such condition."""
    leads: bool = False
    """Whether a search looks here first: people have fewer recordings than departments."""


def _data_groups(policy: PolicyConditions) -> Iterator[Requirement]:
    for number, (name, values) in enumerate(policy.data_groups.items()):
        yield Requirement(
            f"dataGroups[{number}]", "data_groups", recording_data_groups, "value", values, {"name": name}
        )


def _people(policy: PolicyConditions) -> Iterator[Requirement]:
    if policy.person_ids:
        yield Requirement("personIds", "person_ids", recording_endpoints, "person_id", policy.person_ids)


def _types(policy: PolicyConditions) -> Iterator[Requirement]:
    if types := policy.communication_types:
        yield Requirement("communicationTypes", "communication_types", recordings, "type", types)


def _had_data_groups(policy: PolicyConditions, then: SeenBy) -> bool:
    return all(then.data_groups.get(name) in values for name, values in policy.data_groups.items())


def _had_people(policy: PolicyConditions, then: SeenBy) -> bool:
    return not policy.person_ids or not then.person_ids.isdisjoint(policy.person_ids)


def _had_types(policy: PolicyConditions, then: SeenBy) -> bool:
    return not policy.communication_types or then.type in policy.communication_types


POLICY_CONDITIONS = (
    PolicyCondition(
        "data_groups",
        "By data group: for each data group that the policy names, the recording has one of its values.",
        _data_groups,
        _had_data_groups,
    ),
    PolicyCondition(
        "person_ids",
        "By person: one of the policy's people took part in the recording.",
        _people,
        _had_people,
        leads=True,
    ),
    PolicyCondition(
        "communication_types",
        "By communication type: the recording is of one of the policy's types.",
        _types,
        _had_types,
    ),
)
"""A policy lets a recording through if the recording meets all its conditions."""

if [one.field for one in POLICY_CONDITIONS] != [one.name for one in fields(PolicyConditions)]:
    raise TypeError("Each field of PolicyConditions needs its row in POLICY_CONDITIONS, in the same order.")


def requirements_of(policy: PolicyConditions) -> list[Requirement]:
    return [requirement for row in POLICY_CONDITIONS for requirement in row.requirements(policy)]


@dataclass(frozen=True, slots=True)
class VisibilityRule:
    """A rule on which recordings a viewer may see. `limit` is its condition on `recordings`.

    `limit` gives None for a viewer whom the rule does not limit.
    """

    name: str
    sentence: str
    limit: Callable[[Viewer], ColumnElement[bool] | None]
    allowed: Callable[[Viewer, SeenBy], bool]
    """The same, for a recording as it was."""


def allowed_by_policies(viewer: Viewer) -> ColumnElement[bool] | None:
    """The condition on `recordings` that one of the viewer's access policies lets a recording through."""
    if not viewer.policies:
        return None
    return or_(*(_allowed(policy) for policy in viewer.policies))


def _allowed(policy: PolicyConditions) -> ColumnElement[bool]:
    return and_(true(), *(requirement.is_met() for requirement in requirements_of(policy)))


def _was_allowed_by_policies(viewer: Viewer, then: SeenBy) -> bool:
    return not viewer.policies or any(
        all(row.was_met(policy, then) for row in POLICY_CONDITIONS) for policy in viewer.policies
    )


def _not_private_to_others(viewer: Viewer) -> ColumnElement[bool] | None:
    if viewer.may(Right.RECORDING_PRIVATE_VIEW):
        return None
    return or_(recordings.c.is_private == false(), takes_part(viewer, recordings.c.position))


def _was_not_private_to_others(viewer: Viewer, then: SeenBy) -> bool:
    took_part = viewer.username_folded in then.users or viewer.person_id in then.person_ids
    return viewer.may(Right.RECORDING_PRIVATE_VIEW) or not then.is_private or took_part


def private_to_others(viewer: Viewer, table: FromClause) -> ColumnElement[bool]:
    """The opposite, for `recordings` under another name: a search subtracts the few hidden ones."""
    return and_(table.c.is_private == true(), ~takes_part(viewer, table.c.position))


def takes_part(viewer: Viewer, position: ColumnElement[int]) -> ColumnElement[bool]:
    """The condition that the viewer is a participant of the recording there."""
    return exists(select(1).where(recording_endpoints.c.position == position, is_viewer(viewer)))


def is_viewer(viewer: Viewer) -> ColumnElement[bool]:
    """The condition on `recording_endpoints` that the viewer is the participant."""
    return is_participant(viewer.username_folded, viewer.person_id)


def is_participant(username_folded: str, person_id: int | None) -> ColumnElement[bool]:
    """The condition on `recording_endpoints` that a user, by user name or by person, is the participant."""
    by_name = recording_endpoints.c.user_folded == username_folded
    if person_id is None:
        return by_name
    return or_(by_name, recording_endpoints.c.person_id == person_id)


ACCESS_POLICIES = VisibilityRule(
    "accessPolicies",
    "A user with access policies sees only the recordings that at least one of them lets through. "
    "A policy lets through what meets all its conditions.",
    allowed_by_policies,
    _was_allowed_by_policies,
)
PRIVATE = VisibilityRule(
    "private",
    "A private recording is seen by the users who took part in it, by their person or their user name, "
    f"and by users with the right `{Right.RECORDING_PRIVATE_VIEW}`.",
    _not_private_to_others,
    _was_not_private_to_others,
)
VISIBILITY_RULES = (ACCESS_POLICIES, PRIVATE)
"""All must hold for a recording to be seen. Else it is answered like one that does not exist."""


@dataclass(frozen=True, slots=True)
class Use:
    """Something that is done with a recording that a user may see, and the right that it needs."""

    name: str
    words: str
    right: Right
    needs: str | None = None
    """What the recording must have: `media` or `transcript`."""


USES = (
    Use("see", "find it and read its details", Right.RECORDING_VIEW),
    Use("play", "play it", Right.RECORDING_PLAY, needs="media"),
    Use("readTranscript", "read its transcript", Right.RECORDING_TRANSCRIPTION_VIEW, needs="transcript"),
    Use("readComments", "read its comments", Right.RECORDING_COMMENT_VIEW),
    Use("readAuditLog", "read its audit log", Right.RECORDING_AUDIT_VIEW),
)
"""None of these rights includes another: a user may be able to play recordings that they cannot find."""


def visible_to(viewer: Viewer) -> ColumnElement[bool]:
    """The one condition on `recordings` that says what a viewer may see."""
    return and_(true(), *limits_of(viewer))


def limits_of(viewer: Viewer) -> Iterator[ColumnElement[bool]]:
    """The parts of `visible_to`: nothing for a viewer who sees everything."""
    for rule in VISIBILITY_RULES:
        limit = rule.limit(viewer)
        if limit is not None:
            yield limit


def could_see(viewer: Viewer, then: SeenBy) -> bool:
    """Whether a viewer could have seen a recording as it was, with what the viewer may see now."""
    return all(rule.allowed(viewer, then) for rule in VISIBILITY_RULES)
