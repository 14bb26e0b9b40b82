"""Get recording audit log: POST /client/recording/audit."""

from typing import Any

from sqlalchemy import func, select

from earwitness.archive.access.visible_recordings import visible_position
from earwitness.archive.ledger.audited_rows import AuditedRow, shown
from earwitness.archive.schema.work import audit_headers, audit_rows
from earwitness.kernel.errors import NotFound
from earwitness.kernel.rights import Right
from earwitness.kernel.wire import Id, Page, PageSize, Wire
from earwitness.operations import operations
from earwitness.operations.audit_subjects import by_recording_id
from earwitness.operations.operations import Answer, Audit, Call


class AuditSearch(Wire):
    """The recording, and which page of its log."""

    recording_id: Id
    page: Page | None = None
    page_size: PageSize | None = None


@operations.read(
    "/client/recording/audit",
    right=Right.RECORDING_AUDIT_VIEW,
    audit=Audit("Get recording audit log", by_recording_id),
    refuses=(NotFound,),
)
def get_recording_audit_log(call: Call, body: AuditSearch) -> Answer[list[AuditedRow]]:
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
    return Answer([shown(row, call.viewer) for row in rows], headers={"X-Total-Count": str(total)})
