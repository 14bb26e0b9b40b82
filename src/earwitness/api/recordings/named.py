"""The recordings that a call names, as far as the viewer may see them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Table, select

from earwitness.archive.access.viewer import Viewer, visible_to
from earwitness.archive.database.in_list import among
from earwitness.archive.schema.recordings import recordings


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
