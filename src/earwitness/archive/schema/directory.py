"""The tables that all accounts share: which there are, where work waits, and who failed to sign in.

SQLite: `directory.db` in the data folder. PostgreSQL: the schema `public`.
"""

from sqlalchemy import BigInteger, Column, Identity, Index, Integer, MetaData, Table, Text

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
