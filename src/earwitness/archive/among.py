"""`column IN (…)` for lists of any length: a long one travels as a single parameter."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, cast, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY

_FEW = 200


def among(connection: Connection, column: ColumnElement[Any], values: Sequence[Any]) -> ColumnElement[bool]:
    """Whether a column's value is one of these."""
    if len(values) <= _FEW:
        return column.in_(values)
    if connection.dialect.name == "postgresql":
        return column == func.any(cast(literal(list(values), ARRAY(column.type)), ARRAY(column.type)))
    listed = func.json_each(msgspec.json.encode(values).decode()).table_valued("value")
    return column.in_(select(listed.c.value))
