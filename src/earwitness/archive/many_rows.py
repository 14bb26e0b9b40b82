"""Inserting many rows at the cost of inserting them."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Dialect, Table, insert


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
    values: list[Any] = list(zip(*map(itemgetter(*columns), rows), strict=True))
    for at, write in written_by:
        values[at] = map(write, values[at])
    connection.exec_driver_sql(statement, list(zip(*values, strict=True)))


@lru_cache
def _prepared(
    table: Table, named: tuple[str, ...], dialect: Dialect
) -> tuple[str, Sequence[str], Sequence[tuple[int, Callable[[Any], Any]]]]:
    """The statement, the order in which it takes columns, and what writes the values of which of them."""
    compiled = insert(table).compile(dialect=dialect, column_keys=named)
    columns = compiled.positiontup or []
    kinds = (table.c[name].type.dialect_impl(dialect) for name in columns)
    writers = [kind.bind_processor(dialect) for kind in kinds]
    return str(compiled), columns, [(at, write) for at, write in enumerate(writers) if write]
