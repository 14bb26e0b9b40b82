"""What access policies let a viewer see, as links and facts of a search: looked up like any filter's.

`viewer.py` has the same as a condition, for recordings that are known.
"""

from collections.abc import Iterator

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, or_, select, text, true, union

from earwitness.archive.access.viewer import AccessPolicy, Viewer, allowed_to
from earwitness.archive.database.timeline import Window, newest_committed_id
from earwitness.archive.schema.recordings import recording_data_groups, recording_endpoints, recordings
from earwitness.archive.search.conditions import ColumnCondition
from earwitness.archive.search.plan import COUNTED_AT_MOST, count_of
from earwitness.archive.search.position_sets import PositionSet, called, linked, one_of

_NAME = "accessPolicies"
_MANY = 20  # of the account's recordings one in so many: to look at each soon finds a page of them


def permitted(
    connection: Connection, viewer: Viewer, window: Window
) -> tuple[list[PositionSet], list[ColumnCondition]]:
    """The links and facts that must hold for what the viewer may see: none for one without a policy."""
    policies = viewer.policies
    if len(policies) == 1:
        return list(_links(policies[0])), list(_facts(policies[0]))
    if policies and (any_of := _any_of(connection, policies, window)):
        return [any_of], []
    return [], [ColumnCondition(_NAME, one) for one in allowed_to(viewer)]


def _any_of(connection: Connection, policies: tuple[AccessPolicy, ...], window: Window) -> PositionSet | None:
    """What one of several lets through, as one set, unless that is much, or one of them is of types alone.

    It is made in the window, since SQLite would make up all of it.
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

    # In order it is merged, and counted no further than is asked.
    found = union(*each).order_by(text("1")).subquery(_NAME)
    at_most = sum(sizes) if sum(sizes) < COUNTED_AT_MOST else None
    return PositionSet(_NAME, found, found.c.position, true(), False, holding=holds, at_most=at_most)


def _positions(policy: AccessPolicy, window: Window) -> Select[int]:
    leader, *_ = _links(policy)
    _, *checks = _conditions(policy, leader.column)
    return leader.positions(window).where(*checks)


def _conditions(policy: AccessPolicy, position: ColumnElement[int]) -> Iterator[ColumnElement[bool]]:
    """What a policy asks of a position, its links first."""
    for link in _links(policy):
        yield link.holds(position)
    if policy.communication_types:
        table = called(f"{_NAME}.communicationTypes", recordings)
        is_one = table.c.type.in_(policy.communication_types)
        is_of_type = select(1).where(table.c.position == position, is_one)
        yield exists(is_of_type.correlate_except(table))


def _links(policy: AccessPolicy) -> Iterator[PositionSet]:
    if policy.person_ids:
        yield linked(f"{_NAME}.personIds", recording_endpoints, "person_id", policy.person_ids)
    for number, (name, values) in enumerate(policy.data_groups.items()):
        groups = called(f"{_NAME}.dataGroups[{number}]", recording_data_groups)
        is_one = and_(groups.c.name == name, one_of(groups.c.value, values))
        yield PositionSet(groups.name, groups, groups.c.position, is_one, False)


def _facts(policy: AccessPolicy) -> Iterator[ColumnCondition]:
    if policy.communication_types:
        # Written out, so that PostgreSQL knows how many have one.
        yield ColumnCondition(
            f"{_NAME}.communicationTypes", recordings.c.type.in_(policy.communication_types)
        )
