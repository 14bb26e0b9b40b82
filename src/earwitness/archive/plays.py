"""Plays that take many requests: a player asks for one part after the other, and the ledger for one row."""

from sqlalchemy import Connection, select

from earwitness.archive import ledger
from earwitness.archive.accounts import Archive
from earwitness.archive.ledger import Action, Entry
from earwitness.archive.schema.work import audit_headers, audit_rows
from earwitness.archive.timeline import one_at_a_time
from earwitness.kernel.clock import now_ms

_WINDOW_MS = 5 * 60_000
_ROWS_LOOKED_AT = 200


def remember_play(archive: Archive, action: Action, play: Entry) -> None:
    """Write a row for a request that plays, unless one of the last five minutes says the same."""
    with archive.read() as connection:
        if _is_remembered(connection, action, play):
            return
    with archive.write() as connection:
        one_at_a_time(connection)
        if not _is_remembered(connection, action, play):
            ledger.append(connection, action, [play])


def _is_remembered(connection: Connection, action: Action, play: Entry) -> bool:
    """Whether the same user played the same, and said the same of it."""
    latest = (
        select(audit_rows.c.audit_header_id, audit_rows.c.metadata, audit_rows.c.response_code)
        .where(
            audit_rows.c.parent_entity_name == play.parent_name,
            audit_rows.c.parent_entity_id == play.entity_id,
        )
        .order_by(audit_rows.c.id.desc())
        .limit(_ROWS_LOOKED_AT)
        .subquery()
    )
    header = audit_headers.c
    rows = connection.execute(
        select(latest.c.metadata, latest.c.response_code)
        .join(audit_headers, header.id == latest.c.audit_header_id)
        .where(
            header.inserted_at > now_ms() - _WINDOW_MS,
            header.user_id == action.user_id,
            header.route == action.route,
        )
    )
    return any(row.metadata == play.metadata and row.response_code in {200, 206} for row in rows)
