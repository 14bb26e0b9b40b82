"""Background work, and the ledger of every change and every access."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text

from earwitness.archive.schema.columns import Json, at_position, identity, metadata

jobs = Table(
    "jobs",
    metadata,
    identity(),
    Column("kind", Text, nullable=False),
    Column("step", Text),
    at_position(),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("queued_at", BigInteger, nullable=False),
    Column("run_at", BigInteger, nullable=False),
    Column("leased_by", Text),
    Column("leased_until", BigInteger),
    Column("log", Json, nullable=False),
    Index("jobs_by_state", "state", "kind", "run_at"),
    Index("jobs_by_position", "position"),
    sqlite_autoincrement=True,
)

# Append-only: no statement updates or deletes a row of these two tables, and the rows outlive the recordings.
audit_headers = Table(
    "audit_headers",
    metadata,
    identity(),
    Column("method", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("user_id", BigInteger),
    Column("username", Text, nullable=False),
    Column("inserted_at", BigInteger, nullable=False),
    Column("ip_address", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    sqlite_autoincrement=True,
)

audit_rows = Table(
    "audit_rows",
    metadata,
    identity(),
    Column("audit_header_id", BigInteger, ForeignKey("audit_headers.id"), nullable=False),
    Column("entity_name", Text, nullable=False),
    Column("entity_id", BigInteger, nullable=False),
    Column("parent_entity_name", Text, nullable=False),
    Column("parent_entity_id", BigInteger, nullable=False),
    Column("metadata", Json),
    Column("response_code", Integer, nullable=False),
    Index("audit_rows_by_parent", "parent_entity_name", "parent_entity_id", "id"),
    sqlite_autoincrement=True,
)
