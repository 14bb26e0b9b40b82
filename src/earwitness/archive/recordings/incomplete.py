"""Recordings whose media could not be decoded, or not all of it. They have an index of their own."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, TextClause, func, select, text

from earwitness.archive.schema.recordings import NOT_WHOLE, recordings
from earwitness.kernel.clock import format_ms

UNDECODABLE = "neither sound nor picture could be decoded"
_DAMAGED = "a part of it is damaged or missing"
"""For recordings that were measured before the archive kept what could not be decoded."""


def not_decoded(status: str, measurement: dict[str, Any] | None) -> str:
    """What of a recording's media could not be decoded, in words; empty if all of it could."""
    if status == "undecodable":
        return UNDECODABLE
    if not measurement or measurement["complete"]:
        return ""
    return measurement.get("not_decoded") or _DAMAGED


def count_not_whole(connection: Connection) -> dict[str, int]:
    """How many are `incomplete`, and how many `undecodable`."""
    counted = select(recordings.c.status, func.count()).where(_condition(connection))
    counts: dict[str, int] = dict(connection.execute(counted.group_by(recordings.c.status)).all())
    undecodable = counts.pop("undecodable", 0)
    return {"incomplete": sum(counts.values()), "undecodable": undecodable}


def list_not_whole(connection: Connection) -> Iterator[dict[str, Any]]:
    """Each such recording and what could not be decoded, oldest first."""
    columns = recordings.c
    rows = connection.execute(
        select(
            columns.interaction_id,
            columns.third_party_id,
            columns.started_at,
            columns.status,
            columns.measurement,
        )
        .where(_condition(connection))
        .order_by(columns.position)
    )
    for row in rows:
        yield {
            "interactionId": row.interaction_id,
            "thirdPartyId": row.third_party_id,
            "startDatetimeUTC": format_ms(row.started_at),
            "status": row.status,
            "notDecoded": not_decoded(row.status, row.measurement),
        }


def _condition(connection: Connection) -> TextClause:
    return text(f"({NOT_WHOLE[connection.dialect.name]})")
