"""Which receipts have no recording, media or transcript in the database."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, select

from earwitness.archive.database.in_list import among
from earwitness.archive.receipts.written import Part, Receipt
from earwitness.archive.schema.recordings import recordings, transcripts
from earwitness.archive.schema.vault import media_objects
from earwitness.archive.schema.work import audit_rows

BATCH = 500
"""How many receipts are compared in one transaction."""


def batches(given: Sequence[Receipt], size: int = BATCH) -> Iterator[Sequence[Receipt]]:
    for start in range(0, len(given), size):
        yield given[start : start + size]


def missing_among(connection: Connection, given: Sequence[Receipt]) -> list[Receipt]:
    """The receipts of what the database lacks, except what was destroyed on purpose.

    A recording that the ledger knows was destroyed: its row in the ledger was committed together with it, and
    outlives it.
    """
    names = [one.third_party_id for one in given]
    at: dict[str, int] = dict(
        connection.execute(
            select(recordings.c.third_party_id, recordings.c.position).where(
                among(recordings.c.third_party_id, names)
            )
        ).all()
    )
    lost = [one for one in given if one.third_party_id not in at]
    destroyed = _destroyed(connection, [one.interaction_id for one in lost]) if lost else set()
    has: dict[Part, set[int]] = {"recording": set(at.values())}
    for part, asked in _HAVING.items():
        if late := [at[one.third_party_id] for one in given if one.part == part and one.third_party_id in at]:
            has[part] = set(connection.scalars(asked.where(among(asked.selected_columns[0], late))))
    gone = [one for one in lost if one.interaction_id not in destroyed]
    without = [one for one in given if (place := at.get(one.third_party_id)) and place not in has[one.part]]
    return sorted(gone + without, key=lambda one: one.interaction_id)


_HAVING: dict[Part, Any] = {
    "media": select(media_objects.c.position).where(media_objects.c.kind == "raw"),
    "transcript": select(transcripts.c.position),
}


def _destroyed(connection: Connection, interaction_ids: Sequence[int]) -> set[int]:
    """The ids that the ledger knows, and that no recording has now."""
    known = connection.scalars(
        select(audit_rows.c.parent_entity_id)
        .where(
            audit_rows.c.parent_entity_name == "Recording",
            among(audit_rows.c.parent_entity_id, interaction_ids),
        )
        .distinct()
    ).all()
    of_others = connection.scalars(
        select(recordings.c.interaction_id).where(among(recordings.c.interaction_id, known))
    )
    return set(known) - set(of_others)
