"""The recordings that a call names: for the ledger, and those that the viewer may see."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Table, select

from earwitness.archive.among import among
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.viewer import Viewer, visible_to
from earwitness.http.named import by_interaction_ids, by_recording_id, by_third_party_id

__all__ = ["by_interaction_ids", "by_recording_id", "by_third_party_id", "visible_in_order"]


def visible_in_order(
    connection: Connection, viewer: Viewer, interaction_ids: Sequence[int], columns: Table
) -> list[Row[Any]]:
    """The visible recordings of these ids: in the order asked, duplicates once, others left out."""
    found = {
        row.interaction_id: row
        for row in connection.execute(
            select(columns).where(among(recordings.c.interaction_id, interaction_ids), visible_to(viewer))
        )
    }
    return [found[one] for one in dict.fromkeys(interaction_ids) if one in found]
