"""Search the ledger: POST /ledger/search. Rows of the whole account: who did what to whom."""

from collections.abc import Iterator

from msgspec import field
from sqlalchemy import ColumnElement, func, select

from earwitness.archive.ledger.audited_rows import AuditedRow, shown, shown_to
from earwitness.archive.schema.work import audit_headers, audit_rows
from earwitness.kernel.errors import BadRequest, Fault
from earwitness.kernel.rights import Right
from earwitness.kernel.wire import Id, Moment, Page, PageSize, Wire, Word
from earwitness.operations import operations
from earwitness.operations.operations import Answer, Call

_PAGE_SIZE = 100


class LedgerSearch(Wire):
    """Which rows: from one moment on and before another, by user, by route, and by what they are about."""

    from_: Moment | None = field(name="from", default=None)
    to: Moment | None = None
    username: Word | None = None
    route: Word | None = None
    entity_name: Word | None = None
    entity_id: Id | None = None
    page: Page | None = None
    page_size: PageSize | None = None


@operations.read("/ledger/search", right=Right.LEDGER_VIEW)
def search_ledger(call: Call, body: LedgerSearch) -> Answer[list[AuditedRow]]:
    """Search who did what to whom in the whole account, oldest first.

    Rows of recordings that the viewer may not see are left out. The `metadata` of rows about anything else is
    for viewers who see all recordings and hold the right that shows it.
    """
    _check(body)
    found = (
        select(audit_rows.c.id)
        .join(audit_headers, audit_headers.c.id == audit_rows.c.audit_header_id)
        .where(shown_to(call.viewer), *_conditions(body))
    )
    total = call.connection.scalar(select(func.count()).select_from(found.subquery())) or 0
    size = body.page_size or _PAGE_SIZE
    first = ((body.page or 1) - 1) * size
    if first >= total:
        return Answer([], headers={"X-Total-Count": str(total)})
    page = found.order_by(audit_rows.c.id).limit(size).offset(first)
    rows = call.connection.execute(
        select(audit_rows, audit_headers)
        .join(audit_headers, audit_headers.c.id == audit_rows.c.audit_header_id)
        .where(audit_rows.c.id.in_(page))
        .order_by(audit_rows.c.id)
    )
    return Answer([shown(row, call.viewer) for row in rows], headers={"X-Total-Count": str(total)})


def _check(body: LedgerSearch) -> None:
    """Raises BadRequest."""
    if body.from_ is not None and body.to is not None and body.from_ > body.to:
        raise BadRequest.of(Fault("from", "expected a time that is not after `to`"))
    if body.entity_id is not None and body.entity_name is None:
        raise BadRequest.of(Fault("entityName", "required with entityId"))


def _conditions(body: LedgerSearch) -> Iterator[ColumnElement[bool]]:
    header, row = audit_headers.c, audit_rows.c
    if body.from_ is not None:
        yield header.inserted_at >= body.from_
    if body.to is not None:
        yield header.inserted_at < body.to
    if body.username is not None:
        yield header.username == body.username
    if body.route is not None:
        yield header.route == body.route
    if body.entity_name is not None:
        yield row.parent_entity_name == body.entity_name
    if body.entity_id is not None:
        yield row.parent_entity_id == body.entity_id
