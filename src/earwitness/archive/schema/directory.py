"""The tables that all accounts share: which there are, how they are, where work waits, who failed to sign in,
and what belongs to this archive and no other.

SQLite: `directory.db` in the data folder. PostgreSQL: the schema `public`.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    false,
)

metadata = MetaData()

accounts = Table(
    "accounts",
    metadata,
    Column("client_id", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

# Where to look for jobs, so that nobody has to look into every account. A hint: the jobs themselves are in
# the account.
accounts_with_work = Table(
    "accounts_with_work",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("client_id", BigInteger, primary_key=True, autoincrement=False),
    Column("due_at", BigInteger, nullable=False),
)

# `subject` is the digest of a user name within a client id, or an address.
sign_in_failures = Table(
    "sign_in_failures",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), Identity(), primary_key=True),
    Column("subject", Text, nullable=False),
    Column("failed_at", BigInteger, nullable=False),
    Index("sign_in_failures_by_subject", "subject", "failed_at"),
)

# The id of the `installation`, that of its `store` of media, and the check value of its `token-key`. `place`
# is where the store was when it was noted, as the setting says it; empty for the others.
identities = Table(
    "identities",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("noted_at", BigInteger, nullable=False),
)

# The key-encryption keys that were ever loaded or are needed. `value` tells whether another has the same key,
# and nothing of it; null where nobody had the key yet. `in_use`: recordings may need it.
known_keys = Table(
    "known_keys",
    metadata,
    Column("kek_id", Text, primary_key=True),
    Column("value", Text),
    Column("in_use", Boolean, nullable=False, server_default=false()),
    Column("noted_at", BigInteger, nullable=False),
)

# What running processes have loaded, each with the moment it said so. Those of the dead go stale.
loaded_keys = Table(
    "loaded_keys",
    metadata,
    Column("process", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("current_kek_id", Text, nullable=False),
    Column("kek_ids", JSON, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
)

# What was last seen of each account, so that nobody has to open a thousand to say how they are: `overview`
# at `looked_at`, and since when it is refused, and why, if it is.
account_states = Table(
    "account_states",
    metadata,
    Column("client_id", BigInteger, primary_key=True, autoincrement=False),
    Column("overview", JSON(none_as_null=True)),
    Column("looked_at", BigInteger),
    Column("reason", Text),
    Column("sentence", Text),
    Column("refused_at", BigInteger),
)

# The version of the program that first had each revision of the tables, for programs that are older.
table_revisions = Table(
    "table_revisions",
    metadata,
    Column("revision", Text, primary_key=True),
    Column("program", Text, nullable=False),
)
