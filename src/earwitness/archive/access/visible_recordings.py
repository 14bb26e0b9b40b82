"""Looking recordings up by their ids. One that the viewer may not see is not found."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from earwitness.archive.access.viewer import Viewer
from earwitness.archive.access.visibility import visible_to
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
    """The positions of recordings, by interactionId."""
    asked_for = among(recordings.c.interaction_id, interaction_ids)
    rows = connection.execute(
        select(recordings.c.interaction_id, recordings.c.position).where(asked_for, visible_to(viewer))
    )
    return {row.interaction_id: row.position for row in rows}


def visible_rows(connection: Connection, viewer: Viewer, interaction_ids: Sequence[int]) -> list[Row[Any]]:
    """The rows of recordings, in the order of the ids; an id that is there twice has one row."""
    asked_for = among(recordings.c.interaction_id, interaction_ids)
    rows = connection.execute(select(recordings).where(asked_for, visible_to(viewer)))
    found = {row.interaction_id: row for row in rows}
    return [found[one] for one in dict.fromkeys(interaction_ids) if one in found]
