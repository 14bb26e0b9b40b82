"""Which recordings a call names, for the ledger; and those of them that the viewer may see."""

from collections.abc import Sequence
from typing import Any, TypeGuard

from sqlalchemy import Connection, Row, Table, select

from earwitness.archive.among import among
from earwitness.archive.ledger import Named
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.viewer import Viewer, visible_to
from earwitness.kernel.strict_json import MAX_INTEGER

_MOST = 1000


def by_interaction_ids(sent: Any) -> Named:
    """The ids under `interactionIds`, whatever else is wrong with what was sent."""
    wanted = sent.get("interactionIds") if isinstance(sent, dict) else None
    return Named(
        interaction_ids=[one for one in wanted if _is_id(one)][:_MOST] if isinstance(wanted, list) else []
    )


def by_recording_id(sent: Any) -> Named:
    wanted = sent.get("recordingId") if isinstance(sent, dict) else None
    return Named(interaction_ids=[one for one in (wanted,) if _is_id(one)])


def by_third_party_id(sent: Any) -> Named:
    wanted = sent.get("thirdPartyId") if isinstance(sent, dict) else None
    return Named(third_party_ids=[wanted] if isinstance(wanted, str) else [])


def _is_id(value: Any) -> TypeGuard[int]:
    return type(value) is int and 1 <= value <= MAX_INTEGER


def visible_in_order(
    connection: Connection, viewer: Viewer, interaction_ids: Sequence[int], columns: Table
) -> list[Row[Any]]:
    """The visible recordings of these ids: in the order asked, duplicates once, others left out."""
    found = {
        row.interaction_id: row
        for row in connection.execute(
            select(columns).where(
                among(connection, recordings.c.interaction_id, interaction_ids), visible_to(viewer)
            )
        )
    }
    return [found[one] for one in dict.fromkeys(interaction_ids) if one in found]
