"""Background work, and the ledger of every change and every access."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    false,
)

from earwitness.archive.schema.columns import Json, at_position, identity, metadata
from earwitness.archive.schema.dialects import partial_index

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

# Work on many recordings of an account, done a batch at a time. `cursor` says where the next batch begins;
# `batches` counts those that were written. Rows of batches are in the ledger under `audit_header_id`.
account_jobs = Table(
    "account_jobs",
    metadata,
    identity(),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("ordered_by", BigInteger),
    Column("username", Text, nullable=False),
    Column("ordered_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("what", Json, nullable=False),
    Column("cursor", Json),
    Column("batches", Integer, nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("error", Text),
    Column("audit_header_id", BigInteger, ForeignKey("audit_headers.id")),
    Column("attempts", Integer, nullable=False),
    Column("run_at", BigInteger, nullable=False),
    Column("leased_by", Text),
    Column("leased_until", BigInteger),
    Index("account_jobs_by_state", "state", "kind", "id"),
    sqlite_autoincrement=True,
)

# The recordings of an account job, where they were worked out when it was ordered: ascending positions in
# chunks, each as `archive/jobs/position_lists.py` packs it.
account_job_positions = Table(
    "account_job_positions",
    metadata,
    Column("job_id", BigInteger, ForeignKey("account_jobs.id"), primary_key=True),
    Column("chunk", Integer, primary_key=True, autoincrement=False),
    Column("first_position", BigInteger, nullable=False),
    Column("last_position", BigInteger, nullable=False),
    Column("count", Integer, nullable=False),
    Column("positions", LargeBinary, nullable=False),
)

# What is checked of an account each day, one row for each kind: `ledger` and `media`. `cursors` says where
# each part goes on; `progress` is of a day that is not through, and null between days. The last columns are
# of the last day that is through: when it ended, how many were looked at, and how many of them differ.
daily_checks = Table(
    "daily_checks",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("due_at", BigInteger, nullable=False),
    Column("cursors", Json, nullable=False),
    Column("progress", Json),
    Column("leased_by", Text),
    Column("leased_until", BigInteger),
    Column("ended_at", BigInteger),
    Column("checked", BigInteger),
    Column("differing", BigInteger),
)

_OF_BATCHES = dict.fromkeys(("sqlite", "postgresql"), "ordered_by_header_id IS NOT NULL")

# Append-only: no statement deletes a row of these two tables, none updates what a row says, and the rows
# outlive the recordings. `is_pending` marks what is not in the log yet: an action whose rows are all written.
# `salts` hide the user and the address in the log, and `seal` what a row says: it is the salt of `metadata`,
# or what the log has of it once `metadata` was erased. Rows from before the log have neither.
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
    Column("ordered_by_header_id", BigInteger),  # of the batches of a job: the action that ordered it
    Column("is_pending", Boolean, nullable=False, server_default=false()),
    Column("salts", LargeBinary),
    partial_index(
        "audit_headers_pending", "id", where={"sqlite": "is_pending = 1", "postgresql": "is_pending"}
    ),
    partial_index("audit_headers_of_batches", "ordered_by_header_id", where=_OF_BATCHES),
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
    Column("seal", LargeBinary),
    Index("audit_rows_by_parent", "parent_entity_name", "parent_entity_id", "id"),
    Index("audit_rows_by_header", "audit_header_id", "id"),
    sqlite_autoincrement=True,
)
