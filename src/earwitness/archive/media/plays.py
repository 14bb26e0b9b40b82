"""Plays that take many requests: a player asks for one part after the other, and the ledger gets one row."""

import threading

import msgspec
from sqlalchemy import Connection, bindparam, select

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.ledger import Action, Entry
from earwitness.archive.schema.work import audit_headers, audit_rows
from earwitness.kernel.clock import now_ms

_WINDOW_MS = 5 * 60_000
_ROWS_LOOKED_AT = 200


class Plays:
    """The plays of the last five minutes that this process found in the ledger or wrote to it.

    The ledger loses no row, so a row that was there once need not be looked up again.
    """

    def __init__(self, most: int = 1000) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._remembered_at: dict[tuple[object, ...], int] = {}

    def remember(self, archive: Archive, action: Action, play: Entry) -> None:
        """Write a row for a request that plays, unless there is the same one from the last five minutes."""
        said = msgspec.json.encode(play.metadata)
        name = (archive.client_id, action.user_id, action.route, play.entity_id, said)
        since = now_ms() - _WINDOW_MS
        if self._remembered_at.get(name, since) > since:
            return
        remembered_at = _remember(archive, action, play, since)
        with self._lock:
            if len(self._remembered_at) >= self._most:
                recent = {one: at for one, at in self._remembered_at.items() if at > since}
                self._remembered_at = recent if len(recent) < self._most else {}
            self._remembered_at[name] = remembered_at


def _remember(archive: Archive, action: Action, play: Entry, since: int) -> int:
    """When the row was written, which is there already or is new."""
    with archive.read() as connection:
        if (found := _remembered_at(connection, action, play, since)) is not None:
            return found
    with archive.write() as connection:
        if (found := _remembered_at(connection, action, play, since)) is not None:
            return found
        written_at = now_ms()
        ledger.append(connection, action, [play])
    return written_at


# Built once, since every player asks again and again.
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
    select(_LATEST.c.metadata, _LATEST.c.response_code, audit_headers.c.inserted_at)
    .join(audit_headers, audit_headers.c.id == _LATEST.c.audit_header_id)
    .where(
        audit_headers.c.inserted_at > bindparam("since"),
        audit_headers.c.user_id == bindparam("user_id"),
        audit_headers.c.route == bindparam("route"),
    )
)


def _remembered_at(connection: Connection, action: Action, play: Entry, since: int) -> int | None:
    """When the same user played the same with the same comment; None if not since then."""
    asked = {
        "parent_name": play.entity_name,
        "recording_id": play.entity_id,
        "since": since,
        "user_id": action.user_id,
        "route": action.route,
    }
    rows = connection.execute(_PLAYS, asked)
    times = [at for metadata, code, at in rows if metadata == play.metadata and code in {200, 206}]
    return max(times, default=None)
