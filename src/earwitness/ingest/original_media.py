"""Adding the original media of a recording, and the key that it is encrypted with."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, delete, update

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.database.bulk_insert import insert_many
from earwitness.archive.jobs import queue
from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.ledger import Action, Entry
from earwitness.archive.ledger.recording_digests import Watched
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.schema.vault import media_objects, recording_keys
from earwitness.ingest.arrivals import SealedMedia
from earwitness.kernel.clock import now_ms
from earwitness.media.vault import Sealed


def add_media(connection: Connection, archive: Archive, media: Mapping[tuple[int, int], SealedMedia]) -> None:
    """Make sealed originals the media of recordings, and store their keys wrapped.

    Each recording is given as its position and its interactionId.
    """
    keys: list[dict[str, Any]] = []
    for (position, interaction_id), one in media.items():
        wrapped = archive.vault.wrap(one.key, interaction_id)
        known_by = {"kek_id": wrapped.kek_id, "wrapped_key": wrapped.wrapped}
        keys.append({"position": position, "vault_id": one.key.vault_id} | known_by)
    insert_many(connection, recording_keys, keys)
    objects = [_row_of(position, "raw", one.sealed) for (position, _), one in media.items()]
    insert_many(connection, media_objects, objects)


def add_missing_media(
    connection: Connection,
    archive: Archive,
    position: int,
    interaction_id: int,
    media: SealedMedia,
    action: Action,
) -> tuple[str, ...]:
    """Add media to a recording without any, and queue its processing.

    Earlier versions kept media of no bytes. Its object is replaced, and the log of the job names it. Returns
    the names of the stored objects to delete after the commit.
    """
    watched = Watched(connection, [position], "media")
    empty = delete(media_objects).where(media_objects.c.position == position)
    replaced = tuple(connection.scalars(empty.returning(media_objects.c.name)))
    connection.execute(delete(recording_keys).where(recording_keys.c.position == position))
    add_media(connection, archive, {(position, interaction_id): media})
    this = recordings.c.position == position
    connection.execute(update(recordings).where(this).values(has_media=True, status="received"))
    notes = [f"media of no bytes was removed: object {name}" for name in replaced]
    queue.add(connection, "process", position, *notes)
    change: dict[str, object] = {"added": "media"}
    if replaced:
        change["removed"] = list(replaced)
    changed = watched.changed(connection).get(position)
    ledger.append(connection, action, [Entry(interaction_id, metadata=change, changed=changed)])
    return replaced


def add_media_object(connection: Connection, position: int, kind: str, sealed: Sealed) -> None:
    """Add the row of a stored object: the original, or a rendition."""
    insert_many(connection, media_objects, [_row_of(position, kind, sealed)])


def _row_of(position: int, kind: str, sealed: Sealed) -> dict[str, Any]:
    return {
        "position": position,
        "kind": kind,
        "name": sealed.name,
        "size_bytes": sealed.plain_size,
        "stored_bytes": sealed.stored_size,
        "sha256": sealed.sha256,
        "created_at": now_ms(),
    }
