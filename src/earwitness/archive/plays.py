"""Plays that take many requests: a player asks for one part after the other, and the ledger for one row."""

from sqlalchemy import Connection, bindparam, select

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


# Each part that a player asks for is looked up here, so this is built once.
_LATEST = (
    select(audit_rows.c.audit_header_id, audit_rows.c.metadata, audit_rows.c.response_code)
    .where(
        audit_rows.c.parent_entity_name == bindparam("parent_name"),
        audit_rows.c.parent_entity_id == bindparam("recording_id"),
    )
    .order_by(audit_rows.c.id.desc())
    .limit(_ROWS_LOOKED_AT)
    .subquery()
)
_PLAYS = (
    select(_LATEST.c.metadata, _LATEST.c.response_code)
    .join(audit_headers, audit_headers.c.id == _LATEST.c.audit_header_id)
    .where(
        audit_headers.c.inserted_at > bindparam("since"),
        audit_headers.c.user_id == bindparam("user_id"),
        audit_headers.c.route == bindparam("route"),
    )
)


def _is_remembered(connection: Connection, action: Action, play: Entry) -> bool:
    """Whether the same user played the same, and said the same of it."""
    asked = {
        "parent_name": play.parent_name,
        "recording_id": play.entity_id,
        "since": now_ms() - _WINDOW_MS,
        "user_id": action.user_id,
        "route": action.route,
    }
    rows = connection.execute(_PLAYS, asked)
    return any(row.metadata == play.metadata and row.response_code in {200, 206} for row in rows)
