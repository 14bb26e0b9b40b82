"""The tables of one account share this metadata and these kinds of column.

Moments are milliseconds since 1970 UTC. No table has a column for the account: an account is a
database file of its own, or a schema.
"""

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Identity, Integer, MetaData

metadata = MetaData(
    naming_convention={
        "ix": "%(table_name)s_by_%(column_0_N_name)s",
        "uq": "%(table_name)s_unique_%(column_0_N_name)s",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "pk": "%(table_name)s_pkey",
    }
)

Json = JSON(none_as_null=True)

ROW_ID = BigInteger().with_variant(Integer, "sqlite")
"""The type of a number that is a table's key: on SQLite it is the row's own number."""


def identity() -> Column[int]:
    """A table's own id: sequential from 1, never reused."""
    return Column("id", ROW_ID, Identity(), primary_key=True)


def at_position(*, primary_key: bool = False) -> Column[int]:
    """The recording that a row belongs to, by its place on the timeline."""
    belongs_to = ForeignKey("recordings.position", ondelete="CASCADE")
    return Column("position", BigInteger, belongs_to, primary_key=primary_key, nullable=False)
