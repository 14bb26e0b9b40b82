"""The recordings of an account and everything that belongs to one, keyed by `position`.

`position` is the start time in milliseconds shifted left by 20 bits, plus a count of arrivals within
that millisecond: unique, ordered as the API sorts, and never shown outside.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    false,
    text,
)

from earwitness.archive.schema.columns import Json, at_position, identity, metadata
from earwitness.archive.schema.dialects import partial_index

NOT_WHOLE = {
    "sqlite": "status = 'undecodable' OR json_extract(measurement, '$.complete') = 0",
    "postgresql": "status = 'undecodable' OR (measurement ->> 'complete') = 'false'",
}
"""The condition for recordings whose media could not be decoded, or not wholly, for each database."""

recordings = Table(
    "recordings",
    metadata,
    Column("position", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("interaction_id", BigInteger, nullable=False, unique=True),
    Column("third_party_id", Text, nullable=False, unique=True),
    Column("type", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("direction", Text, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger, nullable=False),
    Column("duration_ms", BigInteger, nullable=False),
    Column("is_private", Boolean, nullable=False, server_default=false()),
    Column("is_private_reason", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("has_media", Boolean, nullable=False),
    Column("has_sender_times", Boolean, nullable=False),
    Column("transcript_snippet", Text, nullable=False),
    Column("analysis", Json, nullable=False),
    Column("conversation_phases", Json, nullable=False),
    Column("data_groups", Json, nullable=False),
    Column("optional", Json, nullable=False),
    Column("metadata", Json, nullable=False),
    Column("message", Text),
    Column("raw_sms_ids", Json),
    Column("measurement", Json),
    Column("retention_group_id", BigInteger),
    Column("retain_until", BigInteger),
    Column("received_at", BigInteger, nullable=False),
    Column("received_digest", LargeBinary, nullable=False),
    # The columns of plain filters and totals, so that they need not read the wide rows.
    Index(
        "recordings_facts", "started_at", "is_private", "type", "direction", "duration_ms", "interaction_id"
    ),
    # A page far back skips millions of entries here, and not the wide rows.
    Index("recordings_places", "position", "interaction_id"),
    # Private recordings are few. A search subtracts them from what it finds, in the same order.
    partial_index(
        "recordings_private", "position", where={"sqlite": "is_private = 1", "postgresql": "is_private"}
    ),
    # Few recordings are not whole, and all of these are counted and listed.
    partial_index("recordings_not_whole", "status", "position", where=NOT_WHOLE),
)

# How many recordings of each kind start in a span of days: the total of a search over time is a sum of these.
# `archive/recordings/counts.py` has the sizes of spans, and writes the rows.
recording_counts = Table(
    "recording_counts",
    metadata,
    Column("days", Integer, primary_key=True, autoincrement=False),
    Column("starts_at", BigInteger, primary_key=True, autoincrement=False),
    Column("type", Text, primary_key=True),
    Column("direction", Text, primary_key=True),
    Column("is_private", Boolean, primary_key=True),
    Column("recordings", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

recording_endpoints = Table(
    "recording_endpoints",
    metadata,
    at_position(primary_key=True),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    Column("endpoint_id", BigInteger, ForeignKey("endpoints.id"), nullable=False),
    Column("person_id", BigInteger, ForeignKey("people.id")),
    Column("user", Text, nullable=False),
    Column("user_folded", Text, nullable=False),
    Column("is_originator", Boolean, nullable=False),
    Column("is_recording_subject", Boolean, nullable=False),
    Index("recording_endpoints_by_endpoint", "endpoint_id", "position"),
    Index("recording_endpoints_by_person", "person_id", "position"),
    Index("recording_endpoints_by_user", "user_folded", "position"),
    # A switchboard takes part in very many recordings, and is perhaps the subject of none.
    partial_index(
        "recording_endpoints_by_subject",
        "endpoint_id",
        "position",
        where={"sqlite": "is_recording_subject = 1", "postgresql": "is_recording_subject"},
    ),
    sqlite_with_rowid=False,
)

tags = Table(
    "tags",
    metadata,
    identity(),
    Column("tag", Text, nullable=False),
    Column("tag_folded", Text, nullable=False, unique=True),
    sqlite_autoincrement=True,
)

recording_tags = Table(
    "recording_tags",
    metadata,
    at_position(primary_key=True),
    # The key's columns come first: else the check of SQLite 3.40 reports a NULL that is not there.
    Column("tag_id", BigInteger, ForeignKey("tags.id"), primary_key=True),
    Column("ordinal", Integer, nullable=False, autoincrement=False),
    Index("recording_tags_by_tag", "tag_id", "position"),
    sqlite_with_rowid=False,
)

recording_data_groups = Table(
    "recording_data_groups",
    metadata,
    at_position(primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Index("recording_data_groups_by_value", "name", "value", "position"),
    sqlite_with_rowid=False,
)

transcripts = Table(
    "transcripts",
    metadata,
    Column("position", BigInteger, ForeignKey("recordings.position", ondelete="CASCADE"), primary_key=True),
    Column("language", Text),
    Column("segments", Json, nullable=False),
    Column("engine", Text),
)

comments = Table(
    "comments",
    metadata,
    identity(),
    at_position(),
    Column("user_id", BigInteger, ForeignKey("users.id"), nullable=False),
    Column("comment", Text, nullable=False),
    Column("start_offset_in_seconds", Float),
    Column("end_offset_in_seconds", Float),
    Column("tag_id", BigInteger, ForeignKey("tags.id")),
    Column("bookmark_id", BigInteger),
    Column("inserted_at", BigInteger, nullable=False),
    Column("withdrawn_at", BigInteger),
    Index("comments_by_position", "position", "withdrawn_at"),
    sqlite_autoincrement=True,
)

# `recordings` counts the members of a hold or playlist: `archive/recordings/collections.py` keeps it.
legal_holds = Table(
    "legal_holds",
    metadata,
    identity(),
    Column("name", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("recordings", BigInteger, nullable=False, server_default=text("0")),
    sqlite_autoincrement=True,
)

legal_hold_recordings = Table(
    "legal_hold_recordings",
    metadata,
    Column("legal_hold_id", BigInteger, ForeignKey("legal_holds.id"), primary_key=True),
    Column("position", BigInteger, ForeignKey("recordings.position"), primary_key=True),
    Index("legal_hold_recordings_by_position", "position"),
)

playlists = Table(
    "playlists",
    metadata,
    identity(),
    Column("name", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("recordings", BigInteger, nullable=False, server_default=text("0")),
    sqlite_autoincrement=True,
)

playlist_recordings = Table(
    "playlist_recordings",
    metadata,
    Column("playlist_id", BigInteger, ForeignKey("playlists.id"), primary_key=True),
    Column("position", BigInteger, ForeignKey("recordings.position", ondelete="CASCADE"), primary_key=True),
    Index("playlist_recordings_by_position", "position"),
)
