"""Changes of recordings that no call makes yet, written as the program writes them."""

from typing import Any

from sqlalchemy import delete, insert, select, update

from earwitness.archive.access.seen_by import read_seen_by
from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.changed import Changed
from earwitness.archive.ledger.ledger import Entry
from earwitness.archive.ledger.recording_digests import Watched
from earwitness.archive.ledger.recording_parts import read_parts
from earwitness.archive.ledger.tree.commitments import PARTS
from earwitness.archive.schema.recordings import (
    recording_data_groups,
    recording_endpoints,
    recordings,
)
from earwitness.archive.schema.work import audit_headers
from earwitness.cli.operator import action
from earwitness.kernel.clock import MS_PER_DAY, now_ms
from tests.firm import Firm


def change_recording(firm: Firm, interaction_id: int, **values: Any) -> None:
    """Change columns of a recording. `person_id` is that of all participants."""
    with firm.archive.write() as connection:
        position = _position(connection, interaction_id)
        watched = Watched(connection, [position], "source", "participants", "privacy")
        if "data_groups" in values:
            connection.execute(
                delete(recording_data_groups).where(recording_data_groups.c.position == position)
            )
            rows = [{"position": position, "name": n, "value": v} for n, v in values["data_groups"].items()]
            connection.execute(insert(recording_data_groups), rows)
        if "person_id" in values:
            of_recording = recording_endpoints.c.position == position
            person_id = values.pop("person_id")
            connection.execute(update(recording_endpoints).where(of_recording).values(person_id=person_id))
        if values:
            this = recordings.c.position == position
            connection.execute(update(recordings).where(this).values(**values))
        entry = Entry(interaction_id, changed=watched.changed(connection).get(position))
        ledger.append(connection, action("change", "Change recording"), [entry])


def destroy(firm: Firm, interaction_id: int, *, days_ago: int = 0) -> None:
    """Remove a recording, as disposal will."""
    with firm.archive.write() as connection:
        position = _position(connection, interaction_id)
        before = read_parts(connection, [position], PARTS)[position]
        digests = dict.fromkeys(before, b"\1" * 32)
        seen_by = read_seen_by(connection, [position])[position].as_json
        connection.execute(delete(recordings).where(recordings.c.position == position))
        entry = Entry(interaction_id, changed=Changed(before, digests, {}, None, seen_by))
        ledger.append(connection, action("dispose", "Destroy recording"), [entry])
        if days_ago:
            newest = select(audit_headers.c.id).order_by(audit_headers.c.id.desc()).limit(1)
            then = {"inserted_at": now_ms() - days_ago * MS_PER_DAY}
            this = audit_headers.c.id == newest.scalar_subquery()
            connection.execute(update(audit_headers).where(this).values(then))


def _position(connection: Any, interaction_id: int) -> int:
    found = select(recordings.c.position).where(recordings.c.interaction_id == interaction_id)
    position: int = connection.scalars(found).one()
    return position
