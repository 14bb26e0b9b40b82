"""Get recording audit log: POST /client/recording/audit."""

from typing import Any

from sqlalchemy import func, select

from earwitness.archive.access.viewer import Viewer
from earwitness.archive.access.visible_recordings import visible_position
from earwitness.archive.schema.work import audit_headers, audit_rows
from earwitness.kernel.clock import format_ms
from earwitness.kernel.errors import NotFound
from earwitness.kernel.rights import Right
from earwitness.kernel.wire import Id, MomentText, Page, PageSize, Wire
from earwitness.operations import operations
from earwitness.operations.audit_subjects import by_recording_id
from earwitness.operations.operations import Answer, Audit, Call

_COMMENT = "/client/recording/comment"
_IDS_OF_COMMENTS = {"commentId", "withdrawnCommentId"}


class AuditSearch(Wire):
    """The recording, and which page of its log."""

    recording_id: Id
    page: Page | None = None
    page_size: PageSize | None = None


class AuditSearchResult(Wire):
    """One HTTP call that accessed or changed a recording."""

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


@operations.read(
    "/client/recording/audit",
    right=Right.RECORDING_AUDIT_VIEW,
    audit=Audit("Get recording audit log", by_recording_id),
    refuses=(NotFound,),
)
def get_recording_audit_log(call: Call, body: AuditSearch) -> Answer[list[AuditSearchResult]]:
    """Read who accessed or changed a recording, oldest first."""
    visible_position(call.connection, call.viewer, body.recording_id)
    of_recording = (audit_rows.c.parent_entity_name == "Recording") & (
        audit_rows.c.parent_entity_id == body.recording_id
    )
    total = call.connection.scalar(select(func.count()).select_from(audit_rows).where(of_recording)) or 0
    size = body.page_size or 100
    first = ((body.page or 1) - 1) * size
    rows: list[Any] = []
    if first < total:
        rows = list(
            call.connection.execute(
                select(audit_rows, audit_headers)
                .join(audit_headers, audit_headers.c.id == audit_rows.c.audit_header_id)
                .where(of_recording)
                .order_by(audit_rows.c.id)
                .limit(size)
                .offset(first)
            )
        )
    return Answer([_result(row, call.viewer) for row in rows], headers={"X-Total-Count": str(total)})


def _result(row: Any, viewer: Viewer) -> AuditSearchResult:
    return AuditSearchResult(
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
        metadata=_metadata(row, viewer),
        response_code=row.response_code,
    )


def _metadata(row: Any, viewer: Viewer) -> dict[str, Any] | None:
    """The metadata of a row. A viewer who may not read comments sees only the id of a comment."""
    metadata: dict[str, Any] | None = row.metadata
    if not metadata or row.route != _COMMENT or viewer.may(Right.RECORDING_COMMENT_VIEW):
        return metadata
    return {name: value for name, value in metadata.items() if name in _IDS_OF_COMMENTS}
