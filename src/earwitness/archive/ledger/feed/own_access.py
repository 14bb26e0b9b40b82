"""Whether what a viewer may see has changed since a place in the feed: then the feed cannot be gone on with.

The changes that the feed left out, because the viewer could not see the recordings, are too many to say.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, or_, select

from earwitness.archive.access.grants import policy_ids_of
from earwitness.archive.access.viewer import Viewer
from earwitness.archive.database.in_list import among
from earwitness.archive.ledger.entity_states import part_of, read_states
from earwitness.archive.ledger.feed.kinds import PART_KINDS
from earwitness.archive.schema.ledger import audit_changes
from earwitness.archive.schema.work import audit_rows
from earwitness.kernel.rights import Right, rights_of

_USER, _POLICY, _KEY = "User", "AccessPolicy", "ApiKey"
_DECISIVE = {Right.RECORDING_PRIVATE_VIEW} | {row.right for row in PART_KINDS.values() if row and row.right}

_CHANGED = audit_rows.join(audit_changes, audit_changes.c.audit_row_id == audit_rows.c.id)
_changes = audit_changes.c


def has_changed(connection: Connection, viewer: Viewer, since: int) -> bool:
    """Whether the viewer may see other recordings, or more or less of them, than after a change."""
    return any(_differences(connection, viewer, since))


def how_often(connection: Connection, viewer: Viewer) -> int:
    """How many changes with a number may have changed it."""
    counted = select(func.count()).select_from(_CHANGED)
    return connection.scalar(counted.where(_may_change(viewer), _changes.sequence.is_not(None))) or 0


def number_of(connection: Connection, viewer: Viewer, count: int) -> int:
    """The number of the last of the first so many changes that may have changed it; 0 for none."""
    if not count:
        return 0
    numbers = (
        select(_changes.sequence)
        .select_from(_CHANGED)
        .where(_may_change(viewer), _changes.sequence.is_not(None))
    )
    return connection.scalar(numbers.order_by(_changes.sequence).offset(count - 1).limit(1)) or 0


def newest_of_anybody(connection: Connection, since: int) -> int | None:
    """The number of the newest change after another that may have changed what anybody may see, if any.

    Changes of API keys are among them: one that is revoked ends the access of its user.
    """
    of_access = audit_rows.c.entity_name.in_((_USER, _POLICY, _KEY))
    newest = (
        select(func.max(_changes.sequence)).select_from(_CHANGED).where(_changes.sequence > since, of_access)
    )
    number: int | None = connection.scalar(newest)
    return number


def _differences(connection: Connection, viewer: Viewer, since: int) -> Iterator[bool]:
    policies = sorted(policy_ids_of(connection, viewer.user_id))
    for name, ids, decisive in ((_USER, [viewer.user_id], _of_user), (_POLICY, policies, _of_policy)):
        later = or_(_changes.sequence > since, _changes.sequence.is_(None))
        changes = connection.execute(
            select(audit_rows.c.parent_entity_id, audit_changes.c.before)
            .select_from(_CHANGED)
            .where(_is(name, ids), later)
        ).all()
        now = read_states(connection, name, ids) if changes else {}
        for entity_id, before in changes:
            was = before.get(part_of(name))
            yield was is None or entity_id not in now or decisive(was) != decisive(now[entity_id])


def _may_change(viewer: Viewer) -> ColumnElement[bool]:
    """Of policies all, also those of others: they may have been the viewer's."""
    return or_(_is(_USER, [viewer.user_id]), audit_rows.c.parent_entity_name == _POLICY)


def _is(name: str, ids: Sequence[int]) -> ColumnElement[bool]:
    return (audit_rows.c.parent_entity_name == name) & among(audit_rows.c.parent_entity_id, ids)


def _of_user(state: Mapping[str, Any]) -> Any:
    rights = rights_of(frozenset(state["rolesAndRights"])) & _DECISIVE
    return rights, set(state["accessPolicyIds"]), state["personId"], state["username"]


def _of_policy(state: Mapping[str, Any]) -> Any:
    return state["conditions"]
