"""The ids of endpoints that were found to be another endpoint. Clients may go on using such an id.

Migration 0008 merged endpoints whose values differ in spelling alone, and noted the ids that were removed.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, select

from earwitness.archive.database.in_list import among
from earwitness.archive.schema.people import endpoint_aliases


def current_ids(connection: Connection, endpoint_ids: Sequence[int]) -> Mapping[int, int]:
    """The present id of each of these endpoints that has another one now."""
    alias = endpoint_aliases.c
    merged = select(alias.alias_id, alias.endpoint_id).where(among(alias.alias_id, endpoint_ids))
    return {row.alias_id: row.endpoint_id for row in connection.execute(merged)}


def current_id(connection: Connection, endpoint_id: int) -> int:
    """The present id of an endpoint."""
    return current_ids(connection, [endpoint_id]).get(endpoint_id, endpoint_id)
