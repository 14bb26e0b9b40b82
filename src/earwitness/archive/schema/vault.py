"""The media of recordings: their keys, their objects in the store, and their waveforms."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, LargeBinary, Table, Text

from earwitness.archive.schema.columns import at_position, identity, metadata

recording_keys = Table(
    "recording_keys",
    metadata,
    Column("position", BigInteger, ForeignKey("recordings.position", ondelete="CASCADE"), primary_key=True),
    Column("vault_id", LargeBinary, nullable=False),
    Column("kek_id", Text, nullable=False),
    Column("wrapped_key", LargeBinary, nullable=False),
    Index("recording_keys_by_kek", "kek_id"),
)

media_objects = Table(
    "media_objects",
    metadata,
    identity(),
    at_position(),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False, unique=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("stored_bytes", BigInteger, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index("media_objects_by_kind", "position", "kind", unique=True),
    sqlite_autoincrement=True,
)

waveforms = Table(
    "waveforms",
    metadata,
    Column("position", BigInteger, ForeignKey("recordings.position", ondelete="CASCADE"), primary_key=True),
    Column("peaks", LargeBinary, nullable=False),
    # The peaks of each channel, one channel after the other. Recordings that were measured long ago have
    # none.
    Column("channels", LargeBinary),
)
