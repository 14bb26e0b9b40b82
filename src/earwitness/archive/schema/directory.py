"""The tables that all accounts share: the accounts and their states, where jobs wait, failed sign-ins, and
the identity of this archive.

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

# The accounts that may have jobs, so that workers need not look into every account. Only a hint: the jobs are
# in the account.
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

# The key-encryption keys that were once loaded or are needed. `value` tells whether two keys are the same,
# and nothing else about them; null for a key that nobody has loaded. `in_use`: recordings may need it.
known_keys = Table(
    "known_keys",
    metadata,
    Column("kek_id", Text, primary_key=True),
    Column("value", Text),
    Column("in_use", Boolean, nullable=False, server_default=false()),
    Column("noted_at", BigInteger, nullable=False),
)

# The keys that running processes have loaded, and when each last said so. The rows of dead processes go
# stale.
loaded_keys = Table(
    "loaded_keys",
    metadata,
    Column("process", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("current_kek_id", Text, nullable=False),
    Column("kek_ids", JSON, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
)

# The last known state of each account, so that `status` need not open a thousand of them: `overview` at
# `looked_at`, and, if the account is refused, since when and why.
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

# For each revision of the tables the first version of the program that had it: older programs name it.
table_revisions = Table(
    "table_revisions",
    metadata,
    Column("revision", Text, primary_key=True),
    Column("program", Text, nullable=False),
)
