"""`column IN (…)` for lists of any length.

The list is sent as one parameter. So a statement is compiled once for lists of all lengths, and no list is
too long for a database.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import msgspec
from sqlalchemy import (
    JSON,
    BigInteger,
    BindParameter,
    Boolean,
    ColumnElement,
    Integer,
    Select,
    Text,
    bindparam,
    cast,
    column,
    select,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine


class _Among(FunctionElement[bool]):
    name = "among"
    type = Boolean()
    inherit_cache = True

    def self_group(self, against: Any = None) -> Self:
        return self  # else SQLite would compare it with 1, and use no index


def among(column: ColumnElement[Any], values: Sequence[Any] | BindParameter[str]) -> ColumnElement[bool]:
    """Whether a column's value is one of these values. The value of a parameter is written by `as_list`."""
    if not isinstance(values, BindParameter):
        values = bindparam(None, as_list(values), type_=Text)
    return _Among(column, values)


class _Each(FunctionElement[str]):
    name = "each"
    inherit_cache = True


def each(values: BindParameter[str]) -> ColumnElement[int]:
    """A table's column of these numbers, which `as_list` writes."""
    return cast(_Each(values).table_valued("value", name="listed").c.value, BigInteger)


class _EachRow(FunctionElement[str]):
    name = "each_row"
    inherit_cache = True


def rows_of(rows: Sequence[Sequence[Any]], kinds: Mapping[str, TypeEngine[Any]]) -> Select[Any]:
    """A query of these rows, which are sent as one parameter. `kinds` has the names and types of columns."""
    listed = _EachRow(bindparam(None, as_list(rows), type_=Text))
    row = listed.table_valued(column("value", JSON), name="listed").c.value
    return select(
        *(cast(row[at].as_string(), kind).label(name) for at, (name, kind) in enumerate(kinds.items()))
    )


POSITIONS = bindparam("positions", type_=Text)
"""The parameter of statements that are built once and asked for a page of positions."""


def as_list(values: Sequence[Any]) -> str:
    return msgspec.json.encode(values).decode()


@compiles(_Among, "sqlite")
def _in_sqlite(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({column} IN (SELECT value FROM json_each({values})))"  # noqa: S608 - names and parameters


@compiles(_Among, "postgresql")
def _in_postgres(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(clause, **options) for clause in element.clauses)
    kind = "bigint" if isinstance(next(iter(element.clauses)).type, Integer) else "text"
    listed = f"json_array_elements_text(CAST({values} AS json))"
    return f"({column} = ANY (ARRAY(SELECT CAST(value AS {kind}) FROM {listed} AS listed (value))))"  # noqa: S608


@compiles(_EachRow, "sqlite")
@compiles(_Each, "sqlite")
def _each_in_sqlite(element: _Each | _EachRow, compiler: SQLCompiler, **options: Any) -> str:
    (values,) = (compiler.process(clause, **options) for clause in element.clauses)
    return f"json_each({values})"


@compiles(_Each, "postgresql")
def _each_in_postgres(element: _Each, compiler: SQLCompiler, **options: Any) -> str:
    (values,) = (compiler.process(clause, **options) for clause in element.clauses)
    return f"json_array_elements_text(CAST({values} AS json))"


@compiles(_EachRow, "postgresql")
def _each_row_in_postgres(element: _EachRow, compiler: SQLCompiler, **options: Any) -> str:
    (values,) = (compiler.process(clause, **options) for clause in element.clauses)
    return f"json_array_elements(CAST({values} AS json))"
