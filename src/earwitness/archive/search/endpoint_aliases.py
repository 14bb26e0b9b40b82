"""Endpoints that were found to be the same as another: their ids go on naming it.

Migration 0008 makes them; who kept such an id finds with it what the other has.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

import msgspec
from sqlalchemy import Connection, select

from earwitness.archive.database.in_list import among
from earwitness.archive.schema.people import endpoint_aliases
from earwitness.archive.search.filters import IdFilter, RecordingFilters, Side

F = TypeVar("F", bound=RecordingFilters)


def current_ids(connection: Connection, endpoint_ids: Sequence[int]) -> Mapping[int, int]:
    """The ids that endpoints have now, by those that they had until they were found to be another's."""
    alias = endpoint_aliases.c
    merged = select(alias.alias_id, alias.endpoint_id).where(among(alias.alias_id, endpoint_ids))
    return {row.alias_id: row.endpoint_id for row in connection.execute(merged)}


def current_id(connection: Connection, endpoint_id: int) -> int:
    """The id that an endpoint has now."""
    return current_ids(connection, [endpoint_id]).get(endpoint_id, endpoint_id)


def with_current_ids(connection: Connection, filters: F) -> F:
    """The same filters, of the ids that the endpoints they name have now."""
    named = list(_named(filters))
    now = current_ids(connection, named) if named else {}
    if not now:
        return filters

    def current(ids: list[int] | None) -> list[int] | None:
        return ids and list(dict.fromkeys(now.get(one, one) for one in ids))

    listed, between = filters.endpoint_ids, filters.communications_between
    if listed is not None:
        listed = IdFilter(include=current(listed.include), exclude=current(listed.exclude))
    if between is not None:
        first, second = (
            Side(endpoint_ids=current(side.endpoint_ids), person_ids=side.person_ids)
            for side in (between.first, between.second)
        )
        between = msgspec.structs.replace(between, first=first, second=second)
    return msgspec.structs.replace(filters, endpoint_ids=listed, communications_between=between)


def _named(filters: RecordingFilters) -> Iterator[int]:
    if (listed := filters.endpoint_ids) is not None:
        yield from [*(listed.include or ()), *(listed.exclude or ())]
    if (between := filters.communications_between) is not None:
        yield from [*(between.first.endpoint_ids or ()), *(between.second.endpoint_ids or ())]
