"""The account, its people, their endpoints and users, and how long their recordings are kept."""

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
    UniqueConstraint,
    false,
    true,
)

from earwitness.archive.schema.columns import Json, identity, metadata

account = Table(
    "account",
    metadata,
    Column("client_id", BigInteger, primary_key=True, autoincrement=False),
    Column("account_guid", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("forced_comments", Boolean, nullable=False, server_default=false()),
    Column("transcription", Text, nullable=False),
    Column("may_shorten_retention", Boolean, nullable=False, server_default=false()),
    Column("default_retention", Json, nullable=False),
)

# One row for each kind of number that is handed out in the order of commits. A transaction that takes a
# number holds the row until it ends.
counters = Table(
    "counters",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)

LOG_BEGINS = "ledger beginning"
"""The counter of an account that is older than its log: the position from which recordings are to come. It
goes when the log has begun with all that was there."""

LOG_FORKED = "ledger forked"
"""The counter of an account whose log has forked: the size that others were shown. It goes with a new log."""

LOG_THINNED = "ledger thinned"
"""The counter of the size up to which checkpoints that nobody was given are removed."""

FEED_RESTARTED = "feed restarted"
"""The counter of an account whose log was replaced by a new one: smaller places in the feed are older."""

FEED_SKIPPED = "feed skipped"
"""The counter of the numbers of changes that were left out for that."""

# Of a group that has ended, people may still have the number, but nobody is in it:
# `archive/recordings/retention_groups.py`.
retention_groups = Table(
    "retention_groups",
    metadata,
    identity(),
    Column("name", Text, nullable=False, unique=True),
    Column("retention_group", Json, nullable=False),
    Column("ended_at", BigInteger),
    sqlite_autoincrement=True,
)

people = Table(
    "people",
    metadata,
    identity(),
    Column("full_name", Text, nullable=False),
    Column("full_name_folded", Text, nullable=False),
    Column("email", Text),
    Column("email_folded", Text),
    Column("third_party_id", Text, unique=True),
    Column("person_type", Text, nullable=False),
    Column("is_active", Boolean, nullable=False, server_default=true()),
    Column("avatar", Text),
    Column("retention_group_id", BigInteger, ForeignKey("retention_groups.id"), index=True),
    Column("byo_storage_account_id", BigInteger),
    Column("metadata", Json, nullable=False),
    Index("people_in_order", "full_name_folded", "id"),
    Index("people_by_email", "email_folded"),
    sqlite_autoincrement=True,
)

group_names = Table(
    "group_names",
    metadata,
    identity(),
    Column("name", Text, nullable=False, unique=True),
    sqlite_autoincrement=True,
)

group_values = Table(
    "group_values",
    metadata,
    identity(),
    Column("group_name_id", BigInteger, ForeignKey("group_names.id"), nullable=False),
    Column("value", Text, nullable=False),
    UniqueConstraint("group_name_id", "value"),
    sqlite_autoincrement=True,
)

group_assignments = Table(
    "group_assignments",
    metadata,
    Column("person_id", BigInteger, ForeignKey("people.id"), primary_key=True),
    Column("group_value_id", BigInteger, ForeignKey("group_values.id"), primary_key=True),
    Index("group_assignments_by_value", "group_value_id", "person_id"),
)

endpoints = Table(
    "endpoints",
    metadata,
    identity(),
    Column("type", Text, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("normalised", Text, nullable=False),
    Column("metadata", Json, nullable=False),
    Column("owned_by_person_id", BigInteger, ForeignKey("people.id"), index=True),
    Column("is_private", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("type", "normalised"),
    sqlite_autoincrement=True,
)

# The former ids of endpoints that were merged into another, which has their recordings now.
endpoint_aliases = Table(
    "endpoint_aliases",
    metadata,
    Column("alias_id", BigInteger, primary_key=True, autoincrement=False),
    Column("endpoint_id", BigInteger, ForeignKey("endpoints.id"), nullable=False, index=True),
)

inflight_calls = Table(
    "inflight_calls",
    metadata,
    Column("third_party_id", Text, primary_key=True),
    Column("endpoint_id", BigInteger, ForeignKey("endpoints.id"), nullable=False, index=True),
    Column("other_endpoint", Json),
    Column("direction", Text),
    Column("started_at", BigInteger, nullable=False),
)

access_policies = Table(
    "access_policies",
    metadata,
    identity(),
    Column("name", Text, nullable=False, unique=True),
    Column("conditions", Json, nullable=False),
    sqlite_autoincrement=True,
)

users = Table(
    "users",
    metadata,
    identity(),
    Column("username", Text, nullable=False),
    Column("username_folded", Text, nullable=False, unique=True),
    Column("full_name", Text, nullable=False),
    Column("email", Text),
    Column("external_id", Text),
    Column("person_id", BigInteger, ForeignKey("people.id"), index=True),
    Column("is_active", Boolean, nullable=False, server_default=true()),
    Column("is_locked", Boolean, nullable=False, server_default=false()),
    Column("sso", Boolean, nullable=False, server_default=false()),
    Column("last_login_at", BigInteger),
    Column("audio_playback", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

# Roles and rights as they were assigned, in that order.
user_roles_and_rights = Table(
    "user_roles_and_rights",
    metadata,
    Column("user_id", BigInteger, ForeignKey("users.id"), primary_key=True),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
)

user_policies = Table(
    "user_policies",
    metadata,
    Column("user_id", BigInteger, ForeignKey("users.id"), primary_key=True),
    Column("access_policy_id", BigInteger, ForeignKey("access_policies.id"), primary_key=True),
)

api_keys = Table(
    "api_keys",
    metadata,
    identity(),
    Column("user_id", BigInteger, ForeignKey("users.id"), nullable=False, index=True),
    Column("key_hash", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
    sqlite_autoincrement=True,
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("family", Text, nullable=False, index=True),
    Column("api_key_id", BigInteger, ForeignKey("api_keys.id"), nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
)
