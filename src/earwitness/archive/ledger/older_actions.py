"""Actions from before an archive had a log: digests of stretches of its audit log, made when the log begins.

Each stretch is one row of the beginning, about `AuditLog`. Its metadata has the digest, so the log has it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, exists, func, or_, select

from earwitness.archive.ledger.ledger import CREATE_ACCOUNT, Action, Entry
from earwitness.archive.ledger.tree.commitments import canonical
from earwitness.archive.schema.ledger import ledger_leaves
from earwitness.archive.schema.people import LOG_BEGINS, counters
from earwitness.archive.schema.work import audit_headers, audit_rows

AUDIT_LOG = "AuditLog"

BEGIN = Action("UPGRADE", "", "Begin ledger", "earwitness", "")
"""Whoever adds what is older than the log."""

_HEADERS_AT_ONCE = 500
_ROWS_AT_ONCE = 1_000
_HEADER = (
    "id",
    "method",
    "route",
    "description",
    "user_id",
    "username",
    "inserted_at",
    "ip_address",
    "request_id",
)
_ROW = (
    "id",
    "audit_header_id",
    "entity_name",
    "entity_id",
    "parent_entity_name",
    "parent_entity_id",
    "metadata",
    "response_code",
)

_header, _row = audit_headers.c, audit_rows.c


@dataclass(frozen=True, slots=True)
class Stretch:
    """The headers after one id and up to another, with their rows up to the id `through_row`."""

    after: int
    to: int
    through_row: int

    def entry(self, connection: Connection) -> Entry:
        """What the log says of it. Reads all its rows: not in a write."""
        digest = self.digest(connection)
        said: dict[str, object] = {"to": self.to, "throughRow": self.through_row, "sha256": digest}
        return Entry(self.after + 1, AUDIT_LOG, said)

    def digest(self, connection: Connection) -> str:
        """SHA-256 in hex over the RFC 8785 forms of its headers, by id, and then of its rows, by id."""
        hashed = sha256()
        for one in self._stored(connection):
            hashed.update(canonical(one) + b"\n")
        return hashed.hexdigest()

    def _stored(self, connection: Connection) -> Iterator[list[Any]]:
        headers = select(*(_header[name] for name in _HEADER)).where(
            _header.id > self.after, _header.id <= self.to
        )
        rows = select(*(_row[name] for name in _ROW)).where(
            _row.audit_header_id > self.after,
            _row.audit_header_id <= self.to,
            _row.id <= self.through_row,
        )
        for asked in (headers.order_by(_header.id), rows.order_by(_row.id)):
            with connection.execute(asked.execution_options(yield_per=_ROWS_AT_ONCE)) as found:
                yield from map(list, found)


def next_stretch(connection: Connection, before: int) -> Stretch | None:
    """The first stretch that the log does not have, of headers below an id; None if it has all."""
    after = last_logged(connection)
    older = (_header.salts.is_(None), _header.id > after, _header.id < before)
    ids = connection.scalars(
        select(_header.id).where(*older).order_by(_header.id).limit(_HEADERS_AT_ONCE)
    ).all()
    return Stretch(after, ids[-1], connection.scalar(select(func.max(_row.id))) or 0) if ids else None


def last_logged(connection: Connection) -> int:
    """The last header of all stretches that the log has; 0 if it has none."""
    last = last_stretch(connection)
    return last.to if last else 0


def last_stretch(connection: Connection) -> Stretch | None:
    """The last stretch that the log has, or that the beginning of the log has written."""
    row = connection.execute(STRETCHES.order_by(_row.parent_entity_id.desc()).limit(1)).one_or_none()
    if row is None:
        return None
    return Stretch(row.parent_entity_id - 1, row.metadata["to"], row.metadata["throughRow"])


def has_begun(connection: Connection) -> bool:
    """Whether the log has an end of its beginning, or began with its account, before anything else."""
    in_log = select(_header.id).join(ledger_leaves, ledger_leaves.c.audit_header_id == _header.id)
    ended = (_header.method == BEGIN.method) & _header.ordered_by_header_id.is_not(None)
    with_account = (ledger_leaves.c.leaf_index == 0) & (_header.description == CREATE_ACCOUNT)
    return connection.scalar(in_log.where(or_(ended, with_account)).limit(1)) is not None


_begins = exists().where(counters.c.name == LOG_BEGINS)
_has_leaf = exists().where(ledger_leaves.c.audit_header_id == _header.id)

STRETCHES = (
    select(_row.id, _row.parent_entity_id, _row.metadata)
    .join(audit_headers, _header.id == _row.audit_header_id)
    # A row that is not under a leaf could be written by whoever has the database, with the right digest.
    .where(_row.parent_entity_name == AUDIT_LOG, or_(_has_leaf, _header.is_pending, _begins))
)
"""The rows of all stretches."""
