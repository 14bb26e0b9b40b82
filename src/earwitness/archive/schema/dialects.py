"""What only one database has. SQLAlchemy's part for a database is loaded with an engine of it, and not here.

Most processes use one database, and that part alone takes as long to load as all tables together.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from sqlalchemy import DDL, Connection, Index, MetaData, Table, event, text
from sqlalchemy.types import UserDefinedType

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite


class OfPostgresql(UserDefinedType[str]):
    """A type that only PostgreSQL has. Its values are read and written as text."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: object) -> str:
        return self.name


TSVECTOR = OfPostgresql("tsvector")
TSQUERY = OfPostgresql("tsquery")
REGCLASS = OfPostgresql("regclass")


def create_also(metadata: MetaData, dialect: str, statement: str) -> None:
    """Let a statement follow those that create the tables, on one database."""
    event.listen(metadata, "after_create", DDL(statement).execute_if(dialect=dialect))  # type: ignore[no-untyped-call]


def partial_index(name: str, *columns: str, where: Mapping[str, str]) -> Index:
    """An index of the rows for which a condition is true, which is written for each dialect."""
    index = Index(name, *columns)

    @event.listens_for(index, "before_create")
    def add_condition(_index: Index, connection: Connection, **_: object) -> None:
        dialect = connection.dialect.name
        index.dialect_options[dialect]["where"] = text(where[dialect])

    return index


def insert_into(table: Table, dialect: str) -> "postgresql.Insert | sqlite.Insert":
    """An insert that can say what happens where a row is there already, for a dialect by its name."""
    insert: postgresql.Insert | sqlite.Insert = import_module(f"sqlalchemy.dialects.{dialect}").insert(table)
    return insert
