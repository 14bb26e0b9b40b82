"""Rows of the audit log, as every list of them shows them."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, or_, select

from earwitness.archive.access.viewer import Viewer
from earwitness.archive.access.visibility import limits_of
from earwitness.archive.ledger.entity_states import ENTITY_ROWS
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.schema.work import audit_rows
from earwitness.kernel.clock import format_ms
from earwitness.kernel.rights import Right
from earwitness.kernel.wire import MomentText, Wire

_COMMENT = "/client/recording/comment"
_IDS_OF_COMMENTS = {"commentId", "withdrawnCommentId"}


class AuditedRow(Wire):
    """One HTTP call or command that accessed or changed something."""

    audit_header_id: int
    method: str
    route: str
    description: str
    username: str
    inserted_at: MomentText
    ip_address: str
    entity_id: int
    parent_entity_id: int
    entity_name: str
    parent_entity_name: str
    metadata: dict[str, Any] | None
    response_code: int


def seen_rows(viewer: Viewer) -> Iterator[ColumnElement[bool]]:
    """Conditions on `audit_rows` that leave out those of recordings that the viewer may not see."""
    if limits := list(limits_of(viewer)):
        is_seen = select(recordings.c.position).where(
            recordings.c.interaction_id == audit_rows.c.entity_id, *limits
        )
        yield or_(audit_rows.c.entity_name != "Recording", is_seen.exists())


def shown(row: Any, viewer: Viewer) -> AuditedRow:
    """A row of `audit_rows` and `audit_headers`, as a viewer may read it."""
    return AuditedRow(
        audit_header_id=row.audit_header_id,
        method=row.method,
        route=row.route,
        description=row.description,
        username=row.username,
        inserted_at=format_ms(row.inserted_at),
        ip_address=row.ip_address,
        entity_id=row.entity_id,
        parent_entity_id=row.parent_entity_id,
        entity_name=row.entity_name,
        parent_entity_name=row.parent_entity_name,
        metadata=shown_metadata(row, row.route, viewer),
        response_code=row.response_code,
    )


def shown_metadata(row: Any, route: str, viewer: Viewer) -> dict[str, Any] | None:
    """The metadata of a row, as a viewer may read it.

    A viewer who may not read comments sees only the id of a comment. What was set of a person, a hold and so
    on may name any recording: it is for viewers who see all recordings and hold the right that shows it.
    """
    metadata: dict[str, Any] | None = row.metadata
    if metadata and row.entity_name != "Recording":
        entity = ENTITY_ROWS.get(row.entity_name)
        is_seen = not any(True for _ in limits_of(viewer)) and (entity is None or viewer.may(entity.right))
        return metadata if is_seen else None
    if not metadata or route != _COMMENT or viewer.may(Right.RECORDING_COMMENT_VIEW):
        return metadata
    return {name: value for name, value in metadata.items() if name in _IDS_OF_COMMENTS}
