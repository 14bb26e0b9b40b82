"""What arrives after its recording: the transcript, or the media.

Who brings it need not see the recording: `Recording.Ingest` is enough, as it is for the recording itself.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, select, update

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.ledger import Action, Entry
from earwitness.archive.receipts.acknowledge import note
from earwitness.archive.schema.recordings import recordings, transcripts
from earwitness.archive.schema.vault import media_objects
from earwitness.archive.text.index import index_recordings
from earwitness.ingest.accept import Accepted, Media, bring_media
from earwitness.ingest.metadata import IngestTranscript
from earwitness.ingest.transcript import add_transcript
from earwitness.kernel.errors import BadRequest, Conflict, Fault, NotFound


def accept_transcript(
    connection: Connection,
    third_party_id: str,
    transcript: IngestTranscript,
    replaced_in: Sequence[str],
    action: Action,
) -> Accepted:
    """Add a transcript, in place of one that an engine made; it is searched from the commit on.

    The same one again changes nothing. Raises NotFound, and Conflict where the source sent another.
    """
    row = _recording(connection, third_party_id)
    known = connection.execute(
        select(transcripts).where(transcripts.c.position == row.position, transcripts.c.engine.is_(None))
    ).one_or_none()
    if known is not None:
        if (known.language, known.segments) != (
            transcript.language,
            msgspec.to_builtins(transcript.segments),
        ):
            raise Conflict(f"{third_party_id} already has a different transcript from its source.")
        return _accepted(row, is_new=False)
    add_transcript(connection, row.position, transcript)
    if replaced_in:
        marked = row.metadata | {
            "replacedCharactersIn": [*row.metadata.get("replacedCharactersIn", []), *replaced_in]
        }
        connection.execute(update(recordings).where(_is(row)).values(metadata=marked))
    index_recordings(connection, [row.position])
    ledger.append(connection, action, [Entry(row.interaction_id, metadata={"added": "transcript"})])
    note(connection, "transcript", [(row.interaction_id, third_party_id)])
    return _accepted(row, is_new=True)


def accept_media(
    connection: Connection, archive: Archive, third_party_id: str, media: Media | None, action: Action
) -> Accepted:
    """Add media to a recording that has none, or one of no bytes, and queue its processing.

    The same media again changes nothing. Raises NotFound, and Conflict where there is other media.
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
        return _accepted(row, is_new=False)
    replaced = bring_media(connection, archive, row.position, row.interaction_id, media, action)
    note(connection, "media", [(row.interaction_id, third_party_id)])
    return Accepted(row.interaction_id, third_party_id, "received", False, replaced)


def _recording(connection: Connection, third_party_id: str) -> Any:
    row = connection.execute(
        select(
            recordings.c.position,
            recordings.c.interaction_id,
            recordings.c.third_party_id,
            recordings.c.status,
            recordings.c.metadata,
        ).where(recordings.c.third_party_id == third_party_id)
    ).one_or_none()
    if row is None:
        raise NotFound(f"There is no recording {third_party_id}.")
    return row


def _is(row: Any) -> Any:
    return recordings.c.position == row.position


def _accepted(row: Any, *, is_new: bool) -> Accepted:
    return Accepted(row.interaction_id, row.third_party_id, row.status, is_new)
