"""Whether what a viewer may see has changed since a place in the feed: then the feed cannot be gone on with.

The changes that the feed left out, because the viewer could not see the recordings, are too many to say.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, or_, select

from earwitness.archive.access.grants import policy_ids_of
from earwitness.archive.access.viewer import Viewer
from earwitness.archive.database.in_list import among
from earwitness.archive.ledger.entity_states import part_of, read_states
from earwitness.archive.ledger.feed.kinds import PART_KINDS
from earwitness.archive.schema.ledger import audit_changes
from earwitness.archive.schema.work import audit_rows
from earwitness.kernel.rights import Right, rights_of

_USER, _POLICY = "User", "AccessPolicy"
_DECISIVE = {Right.RECORDING_PRIVATE_VIEW} | {row.right for row in PART_KINDS.values() if row and row.right}

_CHANGES = (
    select(audit_rows.c.parent_entity_id, audit_changes.c.before)
    .select_from(audit_rows)
    .join(audit_changes, audit_changes.c.audit_row_id == audit_rows.c.id)
)


def has_changed(connection: Connection, viewer: Viewer, since: int) -> bool:
    """Whether the viewer may see other recordings, or more or less of them, than at a place in the feed."""
    return any(_differences(connection, viewer, since))


def how_often(connection: Connection, viewer: Viewer) -> int:
    """How often what may have changed it was changed: the same number means that nothing has changed."""
    named = or_(_is(_USER, [viewer.user_id]), audit_rows.c.parent_entity_name == _POLICY)
    counted = select(func.count()).select_from(_CHANGES.where(named).subquery())
    return connection.scalar(counted) or 0


def _differences(connection: Connection, viewer: Viewer, since: int) -> Iterator[bool]:
    policies = sorted(policy_ids_of(connection, viewer.user_id))
    for name, ids, decisive in ((_USER, [viewer.user_id], _of_user), (_POLICY, policies, _of_policy)):
        later = or_(audit_changes.c.sequence > since, audit_changes.c.sequence.is_(None))
        changes = connection.execute(_CHANGES.where(_is(name, ids), later)).all()
        now = read_states(connection, name, ids) if changes else {}
        for entity_id, before in changes:
            was = before.get(part_of(name))
            yield was is None or entity_id not in now or decisive(was) != decisive(now[entity_id])


def _is(name: str, ids: Sequence[int]) -> Any:
    return (audit_rows.c.parent_entity_name == name) & among(audit_rows.c.parent_entity_id, ids)


def _of_user(state: Mapping[str, Any]) -> Any:
    rights = rights_of(frozenset(state["rolesAndRights"])) & _DECISIVE
    return rights, set(state["accessPolicyIds"]), state["personId"], state["username"]


def _of_policy(state: Mapping[str, Any]) -> Any:
    return state["conditions"]
