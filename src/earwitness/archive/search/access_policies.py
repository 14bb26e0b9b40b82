"""What access policies let a viewer see, as filters of a search: looked up in an index like any other.

`archive/access/visibility.py` has the rules, and the same as a condition on recordings that are known.
"""

from collections.abc import Iterator

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, or_, select, text, true, union

from earwitness.archive.access.viewer import PolicyConditions, Viewer
from earwitness.archive.access.visibility import (
    ACCESS_POLICIES,
    POLICY_CONDITIONS,
    Requirement,
    allowed_by_policies,
)
from earwitness.archive.database.timeline import Window, newest_committed_id
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.search.conditions import ColumnCondition
from earwitness.archive.search.plan import COUNTED_AT_MOST, count_of
from earwitness.archive.search.position_sets import PositionSet, called, linked, one_of

_NAME = ACCESS_POLICIES.name
_MANY = 20  # If one recording in 20 is let through, looking at each one soon finds a page of them.
_IN_ORDER = sorted(POLICY_CONDITIONS, key=lambda condition: not condition.leads)


def permitted(
    connection: Connection, viewer: Viewer, window: Window
) -> tuple[list[PositionSet], list[ColumnCondition]]:
    """What the viewer's policies require, as sets and column conditions; nothing without a policy."""
    policies = viewer.policies
    if len(policies) == 1:
        return list(_links(policies[0])), list(_facts(policies[0]))
    if policies and (any_of := _any_of(connection, policies, window)):
        return [any_of], []
    allowed = allowed_by_policies(viewer)
    return [], [] if allowed is None else [ColumnCondition(_NAME, allowed)]


def _any_of(
    connection: Connection, policies: tuple[PolicyConditions, ...], window: Window
) -> PositionSet | None:
    """What several policies let through, as one set. None if it is large, or if one has no link to look up.

    The set is limited to the window, since SQLite would otherwise build all of it.
    """
    if not all(any(_links(policy)) for policy in policies):
        return None
    each = [_positions(policy, window) for policy in policies]
    most = max(COUNTED_AT_MOST, newest_committed_id(connection) // _MANY)
    sizes = [connection.scalar(count_of(one.limit(most))) or 0 for one in each]
    if max(sizes) >= most:
        return None

    def holds(position: ColumnElement[int]) -> ColumnElement[bool]:
        return or_(*(and_(*_conditions(policy, position)) for policy in policies))

    # In order, it can be merged with other sets, and counted no further than is asked.
    found = union(*each).order_by(text("1")).subquery(_NAME)
    at_most = sum(sizes) if sum(sizes) < COUNTED_AT_MOST else None
    return PositionSet(_NAME, found, found.c.position, true(), False, holding=holds, at_most=at_most)


def _positions(policy: PolicyConditions, window: Window) -> Select[int]:
    leader, *_ = _links(policy)
    _, *checks = _conditions(policy, leader.column)
    return leader.positions(window).where(*checks)


def _conditions(policy: PolicyConditions, position: ColumnElement[int]) -> Iterator[ColumnElement[bool]]:
    """The conditions of a policy on a position, its links first."""
    for link in _links(policy):
        yield link.holds(position)
    for requirement in _of_columns(policy):
        table = called(_name(requirement), recordings)
        has_value = table.c[requirement.column].in_(requirement.values)
        yield exists(select(1).where(table.c.position == position, has_value).correlate_except(table))


def _links(policy: PolicyConditions) -> Iterator[PositionSet]:
    for requirement in _requirements(policy):
        if requirement.table is not recordings:
            yield _link(requirement)


def _link(requirement: Requirement) -> PositionSet:
    name, key, values = _name(requirement), requirement.column, requirement.values
    if not requirement.others:
        return linked(name, requirement.table, key, values)
    table = called(name, requirement.table)
    others = (table.c[column] == value for column, value in requirement.others.items())
    return PositionSet(name, table, table.c.position, and_(*others, one_of(table.c[key], values)), False)


def _facts(policy: PolicyConditions) -> Iterator[ColumnCondition]:
    for requirement in _of_columns(policy):
        # The values are written out, so that PostgreSQL can estimate how many recordings have one.
        yield ColumnCondition(_name(requirement), requirement.is_met())


def _of_columns(policy: PolicyConditions) -> Iterator[Requirement]:
    """What is required of the recording's own columns."""
    return (one for one in _requirements(policy) if one.table is recordings)


def _requirements(policy: PolicyConditions) -> Iterator[Requirement]:
    for condition in _IN_ORDER:
        yield from condition.requirements(policy)


def _name(requirement: Requirement) -> str:
    return f"{_NAME}.{requirement.name}"
