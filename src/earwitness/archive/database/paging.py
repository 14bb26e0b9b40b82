"""A page of ids, and the exact total."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, func, select


def page_of(
    connection: Connection, ids: Select[Any], page: int, page_size: int, *, is_costly: bool = False
) -> tuple[list[int], int]:
    """The ids of a page (from 1) of ordered ids, and the total. A page past the end is empty.

    `is_costly` says that finding them takes longest. PostgreSQL then finds them once, for the page and the
    total: a page alone it would look for row by row along the order.
    """
    first = (page - 1) * page_size
    if is_costly and connection.dialect.name == "postgresql":
        with_total = ids.add_columns(func.count().over())
        rows = connection.execute(with_total.limit(page_size).offset(first)).all()
        if rows or first == 0:
            return [row[0] for row in rows], rows[0][1] if rows else 0
    counted = ids.order_by(None).subquery()
    total = connection.scalar(select(func.count()).select_from(counted)) or 0
    if first >= total:
        return [], total
    return list(connection.scalars(ids.limit(page_size).offset(first))), total


def slice_of(ids: Sequence[int], page: int, page_size: int) -> tuple[list[int], int]:
    """The same for ids that were read already."""
    first = (page - 1) * page_size
    return list(ids[first : first + page_size]), len(ids)
