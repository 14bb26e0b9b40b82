"""From ids that were asked for to recordings: what the viewer may not see is not there."""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from earwitness.archive.access.viewer import Viewer, visible_to
from earwitness.archive.database.in_list import among
from earwitness.archive.schema.recordings import recordings
from earwitness.kernel.errors import NotFound


def visible_position(connection: Connection, viewer: Viewer, interaction_id: int) -> int:
    """The position of one recording. Raises NotFound."""
    found = visible_positions(connection, viewer, [interaction_id])
    if not found:
        raise NotFound(f"There is no recording {interaction_id}.")
    return found[interaction_id]


def visible_positions(
    connection: Connection, viewer: Viewer, interaction_ids: Sequence[int]
) -> dict[int, int]:
    """The positions of recordings, by interactionId; those that may not be seen are left out."""
    asked_for = among(recordings.c.interaction_id, interaction_ids)
    rows = connection.execute(
        select(recordings.c.interaction_id, recordings.c.position).where(asked_for, visible_to(viewer))
    )
    return {row.interaction_id: row.position for row in rows}
