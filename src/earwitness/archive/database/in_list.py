"""`column IN (…)` for lists of any length.

The list is sent as one parameter. So a statement is compiled once for lists of all lengths, and no list is
too long for a database.
"""

from collections.abc import Sequence
from typing import Any, Self

import msgspec
from sqlalchemy import (
    BigInteger,
    BindParameter,
    Boolean,
    ColumnElement,
    Integer,
    Text,
    bindparam,
    cast,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


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


@compiles(_Each, "sqlite")
def _each_in_sqlite(element: _Each, compiler: SQLCompiler, **options: Any) -> str:
    (values,) = (compiler.process(clause, **options) for clause in element.clauses)
    return f"json_each({values})"


@compiles(_Each, "postgresql")
def _each_in_postgres(element: _Each, compiler: SQLCompiler, **options: Any) -> str:
    (values,) = (compiler.process(clause, **options) for clause in element.clauses)
    return f"json_array_elements_text(CAST({values} AS json))"
