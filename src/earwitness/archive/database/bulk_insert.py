"""Inserting many rows at the cost of inserting them."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Boolean, Connection, Dialect, LargeBinary, Table, insert

_TAKEN_AS_THEY_ARE = Boolean, LargeBinary
"""By SQLite's driver, though SQLAlchemy looks at each value."""


def insert_many(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that name the same columns; no rows are no work.

    SQLAlchemy goes through each value of each row in Python, which takes longer than SQLite does to write
    them. Here only the columns whose type asks for it are looked at, as JSON.
    """
    if not rows:
        return
    if connection.dialect.name != "sqlite":
        connection.execute(insert(table), rows)
        return
    statement, columns, written_by = _prepared(table, tuple(rows[0]), connection.dialect)
    written: list[Any] = list(map(itemgetter(*columns), rows))
    if written_by:
        values: list[Any] = list(zip(*written, strict=True))
        for at, write in written_by:
            values[at] = map(write, values[at])
        written = list(zip(*values, strict=True))
    connection.exec_driver_sql(statement, written)


@lru_cache
def _prepared(
    table: Table, named: tuple[str, ...], dialect: Dialect
) -> tuple[str, Sequence[str], Sequence[tuple[int, Callable[[Any], Any]]]]:
    """The statement, the order in which it takes columns, and what writes the values of which of them."""
    compiled = insert(table).compile(dialect=dialect, column_keys=named)
    columns = compiled.positiontup or []
    kinds = (table.c[name].type for name in columns)
    writers = [
        None if isinstance(kind, _TAKEN_AS_THEY_ARE) else kind.dialect_impl(dialect).bind_processor(dialect)
        for kind in kinds
    ]
    return str(compiled), columns, [(at, write) for at, write in enumerate(writers) if write]
