"""The tables that all accounts share: which there are, how they are, where work waits, who failed to sign in.

SQLite: `directory.db` in the data folder. PostgreSQL: the schema `public`.
"""

from sqlalchemy import JSON, BigInteger, Column, Identity, Index, Integer, MetaData, Table, Text

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
