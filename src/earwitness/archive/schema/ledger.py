"""The log of an account: its leaves, its tree, its checkpoints, and what each action changed.

`work.py` has the rows that the audit log shows. `docs/ledger-format.md` has the bytes.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, Table, Text

from earwitness.archive.schema.columns import ROW_ID, Json, metadata
from earwitness.archive.schema.dialects import partial_index

# What a row of the audit log changed: `parts` of a recording, or all of a person, a user and so on. `before`
# has the value of each part that was replaced; what replaced it is in the next change of that part, or there
# now. The digests are 32 bytes for each of `parts`, zeros for what was not there. `seen_by` is what decided
# who may see a recording, before this changed it. `sequence` is given in the order of commits, for the feed.
audit_changes = Table(
    "audit_changes",
    metadata,
    Column("audit_row_id", ROW_ID, ForeignKey("audit_rows.id"), primary_key=True, autoincrement=False),
    Column("parts", Json, nullable=False),
    Column("before", Json, nullable=False),
    Column("before_digests", LargeBinary, nullable=False),
    Column("after_digests", LargeBinary, nullable=False),
    Column("record_digest", LargeBinary),
    Column("seen_by", Json),
    Column("sequence", BigInteger, unique=True),
    partial_index(
        "audit_changes_without_sequence",
        "audit_row_id",
        where={"sqlite": "sequence IS NULL", "postgresql": "sequence IS NULL"},
    ),
)

# The salt of a recording, and the digests of its parts, 32 bytes each, in the order of
# `archive/ledger/tree/commitments.py`. The salt dies with the recording.
recording_digests = Table(
    "recording_digests",
    metadata,
    Column("position", BigInteger, ForeignKey("recordings.position", ondelete="CASCADE"), primary_key=True),
    Column("salt", LargeBinary, nullable=False),
    Column("digests", LargeBinary, nullable=False),
)

# What is no recording, a person, a user and so on, as the last action left it: what the next one replaces.
# What is not there any more has no value.
entity_states = Table(
    "entity_states",
    metadata,
    Column("entity_name", Text, primary_key=True),
    Column("entity_id", BigInteger, primary_key=True, autoincrement=False),
    Column("salt", LargeBinary, nullable=False),
    Column("value", Json),
    Column("digest", LargeBinary),
)

ledger_leaves = Table(
    "ledger_leaves",
    metadata,
    Column("leaf_index", ROW_ID, primary_key=True, autoincrement=False),
    Column("audit_header_id", BigInteger, ForeignKey("audit_headers.id"), nullable=False, unique=True),
    Column("leaf", LargeBinary, nullable=False),
)

# The hashes of 256 nodes of a level, or of those that there are so far: of the log, whose `tree` is 0, and of
# the rows of an action that has many, whose `tree` is its header.
ledger_tiles = Table(
    "ledger_tiles",
    metadata,
    Column("tree", BigInteger, primary_key=True, autoincrement=False),
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("hashes", LargeBinary, nullable=False),
)

# `given_at` is when somebody outside was first given a checkpoint. What nobody was given is thinned out.
ledger_checkpoints = Table(
    "ledger_checkpoints",
    metadata,
    Column("size", ROW_ID, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
    Column("signed_at", BigInteger, nullable=False),
    Column("note", Text, nullable=False),
    Column("given_at", BigInteger),
    partial_index(
        "ledger_checkpoints_given",
        "size",
        where={"sqlite": "given_at IS NOT NULL", "postgresql": "given_at IS NOT NULL"},
    ),
)

# What outside parties said about the checkpoint of a size: `cosignature`, a line of its note, by the name of
# the witness, or `timestamp`, a token of RFC 3161, by the host of the authority.
ledger_attestations = Table(
    "ledger_attestations",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
)

# When each outside party was last asked about this log, so that all servers together ask once an hour, and
# what was wrong then; `trouble` is empty if it attested. `kind` and `name` are as above; the kind `line`,
# without a name, is a line in the log of a server.
ledger_asked = Table(
    "ledger_asked",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("asked_at", BigInteger, nullable=False),
    Column("trouble", Text, nullable=False),
)
