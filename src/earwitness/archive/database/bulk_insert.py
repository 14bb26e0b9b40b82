"""Inserts many rows without looking at each value in Python.

SQLite is given the rows of a table one by one. For PostgreSQL each statement is a trip to the server, which
takes longer than to write a few rows: it is given the rows of a table as one JSON text, and those of several
tables in one statement (`together`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any

import msgspec
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Dialect,
    Executable,
    Insert,
    LargeBinary,
    Table,
    Text,
    bindparam,
    column,
    func,
    insert,
    select,
)

from earwitness.archive.database.engines import KEEPS_ITS_PLAN
from earwitness.archive.schema.dialects import insert_into

_TAKEN_AS_THEY_ARE = Boolean, LargeBinary
"""Types whose values SQLite's driver takes unchanged, though SQLAlchemy would look at each value."""

_WAITING = "earwitness_inserts"


@dataclass(frozen=True, slots=True)
class _Shape:
    """What a statement is made of: a table, the columns that are written, and what becomes of rows there."""

    table: Table
    columns: tuple[str, ...]
    replacing: bool = False
    adding: str | None = None


def insert_many(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    replacing: bool = False,
    adding: str | None = None,
) -> None:
    """Insert rows that all name the same columns. With `replacing`, SQLite removes those of the same key.

    With `adding`, the value of this column is added to that of the row of the same key, where there is one;
    no two of the rows may have the same key.
    SQLAlchemy processes each value of each row in Python, which takes longer than SQLite takes to write them.
    Here only the columns are processed whose type needs it, such as JSON.
    """
    if not rows:
        return
    shape = _Shape(table, tuple(rows[0]), replacing, adding)
    if connection.dialect.name != "sqlite":
        waiting = connection.info.get(_WAITING)
        if waiting is None:
            _write(connection, [(shape, rows)])
        else:
            waiting.append((shape, rows))
        return
    statement, columns, processed = _for_sqlite(shape, connection.dialect)
    written: list[Any] = list(map(itemgetter(*columns), rows))
    if processed:
        values: list[Any] = list(zip(*written, strict=True))
        for at, process in processed:
            values[at] = map(process, values[at])
        written = list(zip(*values, strict=True))
    connection.exec_driver_sql(statement, written)


def insert_numbered(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> Sequence[int]:
    """Insert rows into a table whose `id` the database gives, at once. Returns the ids, in their order."""
    if connection.dialect.name == "sqlite":
        insert_many(connection, table, rows)
        # No other transaction writes meanwhile, so the ids follow each other.
        last: int = connection.exec_driver_sql("SELECT last_insert_rowid()").scalar_one()
        return range(last - len(rows) + 1, last + 1)
    adding = insert(table).returning(table.c.id, sort_by_parameter_order=True)
    return connection.scalars(adding, rows).all()


@contextmanager
def together(connection: Connection) -> Iterator[None]:
    """Write what `insert_many` is given in this block in one statement at its end, on PostgreSQL.

    What reads it before has to call `write_waiting` first. On SQLite each is written at once.
    """
    if connection.dialect.name == "sqlite":
        yield
        return
    info = connection.info  # a connection that has failed does not give it
    info[_WAITING] = []
    try:
        yield
        write_waiting(connection)
    finally:
        del info[_WAITING]


def write_waiting(connection: Connection) -> None:
    """Write what waits for the end of a block of `together`."""
    if waiting := connection.info.get(_WAITING):
        connection.info[_WAITING] = []
        _write(connection, waiting)


def _write(connection: Connection, inserts: Sequence[tuple[_Shape, Sequence[Mapping[str, Any]]]]) -> None:
    statement = _for_postgresql(tuple(shape for shape, _ in inserts))
    connection.execute(statement, {f"rows_{n}": _as_json(*one) for n, one in enumerate(inserts)})


def _as_json(shape: _Shape, rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as PostgreSQL reads them from JSON; bytes are written as it writes them itself."""
    names = [name for name in shape.columns if isinstance(shape.table.c[name].type, LargeBinary)]
    if names:
        rows = [{**row, **{name: _as_hex(row[name]) for name in names}} for row in rows]
    return msgspec.json.encode(rows).decode()


def _as_hex(value: bytes | None) -> str | None:
    return None if value is None else f"\\x{value.hex()}"


@lru_cache
def _for_postgresql(shapes: tuple[_Shape, ...]) -> Executable:
    """The statement that inserts the rows of several tables. Foreign keys are checked when all are there."""
    first, *others = (_from_json(shape, f"rows_{number}") for number, shape in enumerate(shapes))
    ctes = [one.cte(f"inserted_{number}") for number, one in enumerate(others)]
    return first.add_cte(*ctes).execution_options(**KEEPS_ITS_PLAN)


def _from_json(shape: _Shape, parameter: str) -> Insert:
    columns: list[Column[Any]] = [shape.table.c[name] for name in shape.columns]
    sent = func.json_to_recordset(func.cast(bindparam(parameter, type_=Text), JSON))
    rows = sent.table_valued(*(column(one.name, one.type) for one in columns))
    rows = rows.render_derived(name=parameter, with_types=True)
    new = insert_into(shape.table, "postgresql").from_select(shape.columns, select(*rows.c))
    return _with_sums(new, shape)


def _with_sums(new: Any, shape: _Shape) -> Insert:
    if shape.adding is None:
        return new  # type: ignore[no-any-return]
    total = shape.table.c[shape.adding] + new.excluded[shape.adding]
    key = [one.name for one in shape.table.primary_key]
    return new.on_conflict_do_update(index_elements=key, set_={shape.adding: total})  # type: ignore[no-any-return]


@lru_cache
def _for_sqlite(
    shape: _Shape, dialect: Dialect
) -> tuple[str, Sequence[str], Sequence[tuple[int, Callable[[Any], Any]]]]:
    """The statement, its columns in order, and by their places the functions that process their values."""
    inserting: Insert = _with_sums(insert_into(shape.table, "sqlite"), shape)
    if shape.replacing:
        inserting = inserting.prefix_with("OR REPLACE")
    compiled = inserting.compile(dialect=dialect, column_keys=shape.columns)
    columns = compiled.positiontup or []
    kinds = (shape.table.c[name].type for name in columns)
    writers = [
        None if isinstance(kind, _TAKEN_AS_THEY_ARE) else kind.dialect_impl(dialect).bind_processor(dialect)
        for kind in kinds
    ]
    return str(compiled), columns, [(at, write) for at, write in enumerate(writers) if write]
