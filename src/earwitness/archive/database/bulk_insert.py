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
from typing import Any, cast

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
    select,
)
from sqlalchemy import (
    Sequence as NumberSequence,
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
    details: Table | None = None
    """A table with one row more for some of the rows. Its first column has the number of theirs."""
    detail_columns: tuple[str, ...] = ()


def insert_many(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    replacing: bool = False,
    adding: str | None = None,
) -> None:
    """Insert rows that all name the same columns. With `replacing`, they replace those of the same key.

    With `adding`, the value of this column is added to that of the row of the same key, where there is one;
    no two of the rows may have the same key.
    SQLAlchemy processes each value of each row in Python, which takes longer than SQLite takes to write them.
    Here only the columns are processed whose type needs it, such as JSON.
    """
    if not rows:
        return
    shape = _Shape(table, tuple(rows[0]), replacing, adding)
    if connection.dialect.name != "sqlite":
        _write_now_or_later(connection, shape, rows)
        return
    statement, columns, processed = _for_sqlite(shape, connection.dialect)
    written: list[Any] = list(map(itemgetter(*columns), rows))
    if processed:
        values: list[Any] = list(zip(*written, strict=True))
        for at, process in processed:
            values[at] = map(process, values[at])
        written = list(zip(*values, strict=True))
    connection.exec_driver_sql(statement, written)


def insert_numbered(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    details: Table,
    details_of: Sequence[Mapping[str, Any] | None],
) -> None:
    """Insert rows into a table whose `id` the database gives, and for some of them a row of `details`.

    `details_of` has the columns of that row, or None, for each of `rows`; the first column of `details`, its
    key, gets the id.
    """
    detail_columns = next((tuple(one) for one in details_of if one is not None), ())
    if not detail_columns:
        insert_many(connection, table, rows)
        return
    if connection.dialect.name == "sqlite":
        insert_many(connection, table, rows)
        # No other transaction writes meanwhile, so the ids follow each other.
        last: int = connection.exec_driver_sql("SELECT last_insert_rowid()").scalar_one()
        key, first = _key_of(details), last - len(rows) + 1
        numbered = [{key: id_, **one} for id_, one in enumerate(details_of, first) if one is not None]
        insert_many(connection, details, numbered)
        return
    shape = _Shape(table, tuple(rows[0]), details=details, detail_columns=detail_columns)
    none = dict.fromkeys(detail_columns)
    _write_now_or_later(
        connection, shape, [{**row, **(more or none)} for row, more in zip(rows, details_of, strict=True)]
    )


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


def _write_now_or_later(connection: Connection, shape: _Shape, rows: Sequence[Mapping[str, Any]]) -> None:
    waiting = connection.info.get(_WAITING)
    if waiting is None:
        _write(connection, [(shape, rows)])
    else:
        waiting.append((shape, rows))


def _write(connection: Connection, inserts: Sequence[tuple[_Shape, Sequence[Mapping[str, Any]]]]) -> None:
    statement = _for_postgresql(tuple(shape for shape, _ in inserts))
    connection.execute(statement, {f"rows_{n}": _as_json(*one) for n, one in enumerate(inserts)})


def _as_json(shape: _Shape, rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as PostgreSQL reads them from JSON; bytes are written as it writes them itself."""
    names = [one.name for one in _columns_of(shape) if isinstance(one.type, LargeBinary)]
    if names:
        rows = [{**row, **{name: _as_hex(row[name]) for name in names}} for row in rows]
    return msgspec.json.encode(rows).decode()


def _as_hex(value: bytes | None) -> str | None:
    return None if value is None else f"\\x{value.hex()}"


def _columns_of(shape: _Shape) -> list[Column[Any]]:
    columns: list[Column[Any]] = [shape.table.c[name] for name in shape.columns]
    return columns + [cast(Table, shape.details).c[name] for name in shape.detail_columns]


def _key_of(details: Table) -> str:
    return next(iter(details.primary_key)).name


@lru_cache
def _for_postgresql(shapes: tuple[_Shape, ...]) -> Executable:
    """The statement that inserts the rows of several tables. Foreign keys are checked when all are there."""
    first, *others = (
        one for number, shape in enumerate(shapes) for one in _from_json(shape, f"rows_{number}")
    )
    ctes = [one.cte(f"inserted_{number}") for number, one in enumerate(others)]
    return first.add_cte(*ctes).execution_options(**KEEPS_ITS_PLAN)


def _from_json(shape: _Shape, parameter: str) -> Iterator[Insert]:
    sent = func.json_to_recordset(func.cast(bindparam(parameter, type_=Text), JSON))
    columns = _columns_of(shape)
    rows = sent.table_valued(*(column(one.name, one.type) for one in columns))
    rows = rows.render_derived(name=parameter, with_types=True)
    if shape.details is None:
        new = insert_into(shape.table, "postgresql").from_select(shape.columns, select(*rows.c))
        yield _replacing(new, shape) if shape.replacing else _with_sums(new, shape)
        return
    id_ = NumberSequence(f"{shape.table.name}_id_seq").next_value().label("id")
    numbered = select(id_, *rows.c).cte(f"numbered_{parameter}")
    its, more = (("id", *shape.columns), (_key_of(shape.details), *shape.detail_columns))
    yield insert_into(shape.table, "postgresql").from_select(its, select(*(numbered.c[name] for name in its)))
    selected = select(numbered.c.id, *(numbered.c[name] for name in shape.detail_columns))
    is_there = numbered.c[shape.detail_columns[0]].is_not(None)
    yield insert_into(shape.details, "postgresql").from_select(more, selected.where(is_there))


def _with_sums(new: Any, shape: _Shape) -> Insert:
    if shape.adding is None:
        return new  # type: ignore[no-any-return]
    total = shape.table.c[shape.adding] + new.excluded[shape.adding]
    return new.on_conflict_do_update(index_elements=_keys_of(shape), set_={shape.adding: total})  # type: ignore[no-any-return]


def _replacing(new: Any, shape: _Shape) -> Insert:
    keys = _keys_of(shape)
    others = {name: new.excluded[name] for name in shape.columns if name not in keys}
    return new.on_conflict_do_update(index_elements=keys, set_=others)  # type: ignore[no-any-return]


def _keys_of(shape: _Shape) -> list[str]:
    return [one.name for one in shape.table.primary_key]


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
