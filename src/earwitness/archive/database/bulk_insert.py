"""Inserts many rows without looking at each value in Python."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Boolean, Connection, Dialect, LargeBinary, Table, insert

_TAKEN_AS_THEY_ARE = Boolean, LargeBinary
"""Types whose values SQLite's driver takes unchanged, though SQLAlchemy would look at each value."""


def insert_many(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *, replacing: bool = False
) -> None:
    """Insert rows that all name the same columns. With `replacing`, SQLite removes those of the same key.

    SQLAlchemy processes each value of each row in Python, which takes longer than SQLite takes to write them.
    Here only the columns are processed whose type needs it, such as JSON.
    """
    if not rows:
        return
    if connection.dialect.name != "sqlite":
        connection.execute(insert(table), rows)
        return
    statement, columns, processed = _prepared(table, tuple(rows[0]), connection.dialect, replacing)
    written: list[Any] = list(map(itemgetter(*columns), rows))
    if processed:
        values: list[Any] = list(zip(*written, strict=True))
        for at, process in processed:
            values[at] = map(process, values[at])
        written = list(zip(*values, strict=True))
    connection.exec_driver_sql(statement, written)


def insert_numbered(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> Sequence[int]:
    """The same for a table whose `id` the database gives. Returns the ids, in the order of the rows."""
    if connection.dialect.name == "sqlite":
        insert_many(connection, table, rows)
        # No other transaction writes meanwhile, so the ids follow each other.
        last: int = connection.exec_driver_sql("SELECT last_insert_rowid()").scalar_one()
        return range(last - len(rows) + 1, last + 1)
    adding = insert(table).returning(table.c.id, sort_by_parameter_order=True)
    return connection.scalars(adding, rows).all()


@lru_cache
def _prepared(
    table: Table, named: tuple[str, ...], dialect: Dialect, replacing: bool
) -> tuple[str, Sequence[str], Sequence[tuple[int, Callable[[Any], Any]]]]:
    """The statement, its columns in order, and by their places the functions that process their values."""
    inserting = insert(table).prefix_with("OR REPLACE") if replacing else insert(table)
    compiled = inserting.compile(dialect=dialect, column_keys=named)
    columns = compiled.positiontup or []
    kinds = (table.c[name].type for name in columns)
    writers = [
        None if isinstance(kind, _TAKEN_AS_THEY_ARE) else kind.dialect_impl(dialect).bind_processor(dialect)
        for kind in kinds
    ]
    return str(compiled), columns, [(at, write) for at, write in enumerate(writers) if write]
