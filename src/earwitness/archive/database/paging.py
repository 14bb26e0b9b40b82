"""A page of ids, and the exact total."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, func, select


def page_of(connection: Connection, ids: Select[Any], page: int, page_size: int) -> tuple[list[int], int]:
    """The ids of a page (from 1) of ordered ids, and the total. A page past the end is empty."""
    counted = ids.order_by(None).subquery()
    total = connection.scalar(select(func.count()).select_from(counted)) or 0
    first = (page - 1) * page_size
    if first >= total:
        return [], total
    return list(connection.scalars(ids.limit(page_size).offset(first))), total


def slice_of(ids: Sequence[int], page: int, page_size: int) -> tuple[list[int], int]:
    """The same for ids that were read already."""
    first = (page - 1) * page_size
    return list(ids[first : first + page_size]), len(ids)
