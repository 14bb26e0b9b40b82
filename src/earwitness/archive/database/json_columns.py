"""Lists and objects that belong to a row, as JSON that the database writes: one statement reads a page."""

from typing import Any

import msgspec
from sqlalchemy import Boolean, ColumnElement, ScalarSelect, Text, literal_column, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from earwitness.kernel.wire import Wire


class _Object(FunctionElement[str]):
    name = "as_object"
    type = Text()
    inherit_cache = True


class _Array(FunctionElement[str]):
    name = "as_array"
    type = Text()
    inherit_cache = True


def as_object(kind: type[Wire], **columns: ColumnElement[Any]) -> ColumnElement[str]:
    """A `kind` as a JSON object, with a column for each of its fields."""
    fields = msgspec.structs.fields(kind)
    names = (literal_column(f"'{field.encode_name}'", Text) for field in fields)
    values = (columns.pop(field.name) for field in fields)
    named = [part for pair in zip(names, values, strict=True) for part in pair]
    if columns:
        raise TypeError(f"{kind.__name__} has no {', '.join(columns)}")
    return _Object(*named)


def as_array(item: ColumnElement[Any]) -> ScalarSelect[str]:
    """A JSON list of an item for each row of an ordered subquery, in its order."""
    return select(_Array(item)).scalar_subquery()


def as_written(text: str) -> Any:
    """JSON from the database, to be sent unchanged in place of the struct that it describes."""
    return msgspec.Raw(text)


@compiles(_Object, "sqlite")
def _object_in_sqlite(element: _Object, compiler: SQLCompiler, **options: Any) -> str:
    values = (
        f"json(iif({value}, 'true', 'false'))" if isinstance(clause.type, Boolean) else value
        for clause in element.clauses
        for value in [compiler.process(clause, **options)]
    )
    return f"json_object({', '.join(values)})"


@compiles(_Object, "postgresql")
def _object_in_postgres(element: _Object, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_build_object({compiler.process(element.clauses, **options)})"


@compiles(_Array, "sqlite")
def _array_in_sqlite(element: _Array, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_group_array({compiler.process(element.clauses, **options)})"


@compiles(_Array, "postgresql")
def _array_in_postgres(element: _Array, compiler: SQLCompiler, **options: Any) -> str:
    return f"CAST(coalesce(json_agg({compiler.process(element.clauses, **options)}), '[]') AS text)"
