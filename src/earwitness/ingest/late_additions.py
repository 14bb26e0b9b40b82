"""Late additions: a transcript or media that arrives after its recording.

The right `Recording.Ingest` is enough, as for the recording itself: the sender need not be able to see it.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, select, update

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.ledger import Action, Entry
from earwitness.archive.ledger.recording_digests import Watched
from earwitness.archive.receipts.acknowledge import note
from earwitness.archive.schema.recordings import recordings, transcripts
from earwitness.archive.schema.vault import media_objects
from earwitness.archive.text.index import index_recordings
from earwitness.ingest.arrivals import Accepted, SealedMedia
from earwitness.ingest.metadata import IngestTranscript
from earwitness.ingest.original_media import add_missing_media
from earwitness.ingest.transcript import add_transcript
from earwitness.kernel.errors import BadRequest, Conflict, Fault, NotFound


def add_late_transcript(
    connection: Connection,
    third_party_id: str,
    transcript: IngestTranscript,
    replaced_in: Sequence[str],
    action: Action,
) -> Accepted:
    """Add a transcript, or replace that of an engine. From the commit on it is searched.

    If the same transcript is there, nothing changes. Raises NotFound, and Conflict if the source sent another
    one.
    """
    row = _recording(connection, third_party_id)
    known = connection.execute(
        select(transcripts).where(transcripts.c.position == row.position, transcripts.c.engine.is_(None))
    ).one_or_none()
    if known is not None:
        segments = msgspec.to_builtins(transcript.segments)
        if (known.language, known.segments) != (transcript.language, segments):
            raise Conflict(f"{third_party_id} already has a different transcript from its source.")
        return Accepted(row.interaction_id, third_party_id, row.status, False)
    watched = Watched(connection, [row.position], "transcript", "source")
    add_transcript(connection, row.position, transcript)
    if replaced_in:
        earlier = row.metadata.get("replacedCharactersIn", [])
        marked = row.metadata | {"replacedCharactersIn": [*earlier, *replaced_in]}
        this = recordings.c.position == row.position
        connection.execute(update(recordings).where(this).values(metadata=marked))
    index_recordings(connection, [row.position])
    changed = watched.changed(connection).get(row.position)
    ledger.append(
        connection, action, [Entry(row.interaction_id, metadata={"added": "transcript"}, changed=changed)]
    )
    note(connection, "transcript", [(row.interaction_id, third_party_id)])
    return Accepted(row.interaction_id, third_party_id, row.status, True)


def add_late_media(
    connection: Connection, archive: Archive, third_party_id: str, media: SealedMedia | None, action: Action
) -> Accepted:
    """Add media to a recording that has none, or media of no bytes, and queue its processing.

    If the same media is there, nothing changes. Raises NotFound, and Conflict if there is other media.
    """
    if media is None:
        raise BadRequest.of(Fault("media", "required: expected a file that is not empty"))
    row = _recording(connection, third_party_id)
    known = connection.scalar(
        select(media_objects.c.sha256).where(
            media_objects.c.position == row.position,
            media_objects.c.kind == "raw",
            media_objects.c.size_bytes > 0,
        )
    )
    if known is not None:
        if known != media.sealed.sha256:
            raise Conflict(f"{third_party_id} already has different media.")
        return Accepted(row.interaction_id, third_party_id, row.status, False)
    replaced = add_missing_media(connection, archive, row.position, row.interaction_id, media, action)
    note(connection, "media", [(row.interaction_id, third_party_id)])
    return Accepted(row.interaction_id, third_party_id, "received", False, replaced)


def _recording(connection: Connection, third_party_id: str) -> Any:
    row = connection.execute(
        select(
            recordings.c.position, recordings.c.interaction_id, recordings.c.status, recordings.c.metadata
        ).where(recordings.c.third_party_id == third_party_id)
    ).one_or_none()
    if row is None:
        raise NotFound(f"There is no recording {third_party_id}.")
    return row
