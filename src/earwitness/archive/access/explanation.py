"""Why a user may see a recording, or may not: the rules of `visibility.py`, asked one by one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, exists, select, true

from earwitness.archive.access.grants import Grants, grants_of
from earwitness.archive.access.users import user_id_of
from earwitness.archive.access.viewer import PolicyConditions, Viewer
from earwitness.archive.access.visibility import (
    USES,
    VISIBILITY_RULES,
    Requirement,
    Use,
    requirements_of,
    takes_part,
)
from earwitness.archive.schema.people import access_policies, api_keys, user_policies, users
from earwitness.archive.schema.recordings import recordings, transcripts
from earwitness.archive.schema.vault import media_objects
from earwitness.kernel.errors import NotFound
from earwitness.kernel.rights import Right, rights_of
from earwitness.kernel.wire import Wire


class RuleExplained(Wire):
    """Whether a rule holds for this user and this recording, and what decides it."""

    rule: str
    holds: bool
    because: str


class UseExplained(Wire):
    """Whether the user may do this with the recording, and the rules that do not allow it."""

    use: str
    is_allowed: bool
    kept_out_by: list[str]


class Explanation(Wire):
    """What a user may do with a recording, and each rule that decides it."""

    user_id: int
    username: str
    interaction_id: int
    third_party_id: str
    uses: list[UseExplained]
    rules: list[RuleExplained]


@dataclass(frozen=True, slots=True)
class _Policy:
    """An access policy of the user, and its requirements that the recording does not meet."""

    name: str
    conditions: PolicyConditions
    unmet: list[Requirement]


@dataclass(frozen=True, slots=True)
class _Case:
    """A user and a recording, and what the database says of both."""

    viewer: Viewer
    grants: Grants
    has_api_key: bool
    policies: list[_Policy]
    recording: Any
    """Its row, with `is_private`, `took_part`, `has_media`, `has_transcript` and each visibility rule."""


def explain_access(connection: Connection, client_id: int, username: str, interaction_id: int) -> Explanation:
    """What a user may do with a recording, and why. Raises NotFound for an unknown user or recording."""
    case = _case(connection, client_id, user_id_of(connection, username), interaction_id)
    rules = {rule.rule: rule for rule in _rules(case)}
    return Explanation(
        user_id=case.viewer.user_id,
        username=case.viewer.username,
        interaction_id=case.recording.interaction_id,
        third_party_id=case.recording.third_party_id,
        uses=[_use(use, rules) for use in USES],
        rules=list(rules.values()),
    )


def _use(use: Use, rules: dict[str, RuleExplained]) -> UseExplained:
    visibility = [rule.name for rule in VISIBILITY_RULES]
    needed = ["active", "unlocked", "apiKey", *visibility, str(use.right), *filter(None, [use.needs])]
    kept_out_by = [name for name in needed if not rules[name].holds]
    return UseExplained(use=use.name, is_allowed=not kept_out_by, kept_out_by=kept_out_by)


def _case(connection: Connection, client_id: int, user_id: int, interaction_id: int) -> _Case:
    grants = grants_of(connection, user_id)
    policies = _policies(connection, user_id, interaction_id)
    viewer = Viewer(
        client_id=client_id,
        user_id=user_id,
        username=connection.execute(select(users.c.username).where(users.c.id == user_id)).scalar_one(),
        username_folded=grants.username_folded,
        person_id=grants.person_id,
        rights=grants.rights,
        policies=tuple(policy.conditions for policy in policies),
        ip_address="",
    )
    in_force = select(1).where(api_keys.c.user_id == user_id, api_keys.c.revoked_at.is_(None))
    return _Case(
        viewer=viewer,
        grants=grants,
        has_api_key=connection.scalar(in_force.limit(1)) is not None,
        policies=policies,
        recording=_recording(connection, viewer, interaction_id),
    )


def _recording(connection: Connection, viewer: Viewer, interaction_id: int) -> Any:
    """Raises NotFound."""
    at = recordings.c.position
    has_media = exists(select(1).where(media_objects.c.position == at, media_objects.c.kind == "raw"))
    limits = ((rule.name, rule.limit(viewer)) for rule in VISIBILITY_RULES)
    row = connection.execute(
        select(
            recordings.c.interaction_id,
            recordings.c.third_party_id,
            recordings.c.is_private,
            takes_part(viewer, at).label("took_part"),
            has_media.label("has_media"),
            exists(select(1).where(transcripts.c.position == at)).label("has_transcript"),
            *((true() if limit is None else limit).label(name) for name, limit in limits),
        ).where(recordings.c.interaction_id == interaction_id)
    ).one_or_none()
    if row is None:
        raise NotFound(f"There is no recording {interaction_id}.")
    return row


def _policies(connection: Connection, user_id: int, interaction_id: int) -> list[_Policy]:
    rows = connection.execute(
        select(access_policies.c.name, access_policies.c.conditions)
        .join(user_policies, user_policies.c.access_policy_id == access_policies.c.id)
        .where(user_policies.c.user_id == user_id)
        .order_by(access_policies.c.id)
    ).all()
    policies = []
    for row in rows:
        conditions = msgspec.convert(row.conditions, PolicyConditions)
        required = requirements_of(conditions)
        met = select(true(), *(one.is_met() for one in required))
        answers = connection.execute(met.where(recordings.c.interaction_id == interaction_id)).first()
        unmet = (
            [one for one, is_met in zip(required, answers[1:], strict=True) if not is_met] if answers else []
        )
        policies.append(_Policy(row.name, conditions, unmet))
    return policies


def _rules(case: _Case) -> Iterator[RuleExplained]:
    """What signing in needs, every rule of `visibility.py`, every right, and what the recording has."""
    name, grants, recording = case.viewer.username, case.grants, case.recording
    active = "is active" if grants.is_active else "is inactive, and cannot sign in"
    yield RuleExplained(rule="active", holds=grants.is_active, because=f"{name} {active}.")
    locked = "is locked, and cannot sign in" if grants.is_locked else "is not locked"
    yield RuleExplained(rule="unlocked", holds=not grants.is_locked, because=f"{name} {locked}.")
    key = "has an API key" if case.has_api_key else "has no API key in force, and cannot sign in"
    yield RuleExplained(rule="apiKey", holds=case.has_api_key, because=f"{name} {key}.")
    for rule in VISIBILITY_RULES:
        holds = bool(recording._mapping[rule.name])
        yield RuleExplained(rule=rule.name, holds=holds, because=_BECAUSE[rule.name](case))
    for right in (use.right for use in USES):
        holds = case.viewer.may(right)
        yield RuleExplained(rule=str(right), holds=holds, because=_because_of_right(case, right))
    media = "media" if recording.has_media else "no media"
    yield RuleExplained(rule="media", holds=bool(recording.has_media), because=f"The recording has {media}.")
    transcript = "a transcript" if recording.has_transcript else "no transcript"
    yield RuleExplained(
        rule="transcript", holds=bool(recording.has_transcript), because=f"The recording has {transcript}."
    )


def _because_of_right(case: _Case, right: Right) -> str:
    name = case.viewer.username
    through = [one for one in sorted(case.grants.granted) if right in rights_of(frozenset({one}))]
    if not through:
        return f"{name} lacks the right {right}."
    roles = "" if right in through else f" by the role {' and '.join(through)}"
    return f"{name} has the right {right}{roles}."


def _because_of_policies(case: _Case) -> str:
    name = case.viewer.username
    if not case.policies:
        return f"{name} has no access policy, and is not limited by one."
    through = [policy.name for policy in case.policies if not policy.unmet]
    if through:
        return f"The access policy {' and '.join(through)} of {name} lets the recording through."
    kept = [f"{policy.name} ({'; '.join(map(_in_words, policy.unmet))})" for policy in case.policies]
    return f"No access policy of {name} lets the recording through: {', '.join(kept)}."


def _in_words(unmet: Requirement) -> str:
    some = ", ".join(map(str, unmet.values[:_VALUES_SHOWN]))
    more = ", …" if len(unmet.values) > _VALUES_SHOWN else ""
    return f"{unmet.others.get('name', unmet.name)}: it has none of {some}{more}"


def _because_of_privacy(case: _Case) -> str:
    name, right = case.viewer.username, Right.RECORDING_PRIVATE_VIEW
    if not case.recording.is_private:
        return "The recording is not private."
    if case.recording.took_part:
        return f"The recording is private, and {name} took part in it."
    if case.viewer.may(right):
        return f"The recording is private. {_because_of_right(case, right)}"
    return f"The recording is private: {name} did not take part in it, and lacks the right {right}."


_VALUES_SHOWN = 5
_BECAUSE = {"accessPolicies": _because_of_policies, "private": _because_of_privacy}
