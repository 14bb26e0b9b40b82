"""Acceptance: the one transaction that makes a recording exist, with everything that hangs on it.

Before it, the media is durable and nobody can see it; after it, the recording is found, listed and
playable as `raw`, and the work that it still needs is queued.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, insert, select

from earwitness.archive import jobs, ledger
from earwitness.archive.accounts import Archive
from earwitness.archive.inflight_calls import end_call
from earwitness.archive.ledger import Action, Entry
from earwitness.archive.playable import with_hint
from earwitness.archive.retention import retention_of
from earwitness.archive.schema.recordings import recording_data_groups, recording_endpoints, recordings
from earwitness.archive.schema.vault import media_objects, recording_keys
from earwitness.archive.snippets import snippet
from earwitness.archive.tags import set_tags
from earwitness.archive.text_index import index_recording
from earwitness.archive.timeline import one_at_a_time, take_place
from earwitness.ingest.metadata import IngestMetadata, Received, hint, times
from earwitness.ingest.participants import Participant, resolve
from earwitness.ingest.transcript import add_transcript
from earwitness.kernel.clock import now_ms
from earwitness.kernel.errors import Conflict
from earwitness.media.vault import RecordingKey, Sealed

Status = Literal["received", "processed", "undecodable"]


@dataclass(frozen=True, slots=True)
class Media:
    """A sealed original, durable and not yet anybody's."""

    sealed: Sealed
    key: RecordingKey


@dataclass(frozen=True, slots=True)
class Accepted:
    """A recording that is in the archive; `is_new` says whether it was this call that brought it."""

    interaction_id: int
    third_party_id: str
    status: Status
    is_new: bool


def accept(
    connection: Connection, archive: Archive, received: Received, media: Media | None, action: Action
) -> Accepted:
    """Add a recording. The same one again answers what is there; a different one of the same id is refused.

    Raises Conflict when `thirdPartyId` is taken by a recording of other media or metadata.
    """
    one_at_a_time(connection)
    digest = received.whole_digest(media.sealed.sha256 if media else b"")
    if known := find_same(connection, received.values.third_party_id, digest):
        return known
    participants = resolve(connection, received.values)
    end_call(connection, received.values.third_party_id)
    position, interaction_id = _add_recording(connection, received, participants, media, digest)
    _add_links(connection, position, received.values, participants)
    if received.values.transcript is not None:
        add_transcript(connection, position, received.values.transcript)
    index_recording(connection, position)
    if media is not None:
        add_media(connection, archive, position, interaction_id, media)
        jobs.queue(connection, "process", position, *_notes(received, participants))
    ledger.append(connection, action, [Entry(interaction_id, response_code=201)])
    status: Status = "processed" if media is None else "received"
    return Accepted(interaction_id, received.values.third_party_id, status, True)


def add_media(
    connection: Connection, archive: Archive, position: int, interaction_id: int, media: Media
) -> None:
    """Name a sealed original, and keep its key wrapped."""
    wrapped = archive.vault.wrap(media.key, interaction_id)
    connection.execute(
        insert(recording_keys).values(
            position=position,
            vault_id=media.key.vault_id,
            kek_id=wrapped.kek_id,
            wrapped_key=wrapped.wrapped,
        )
    )
    add_object(connection, position, "raw", media.sealed)


def add_object(connection: Connection, position: int, kind: str, sealed: Sealed) -> None:
    connection.execute(
        insert(media_objects).values(
            position=position,
            kind=kind,
            name=sealed.name,
            size_bytes=sealed.plain_size,
            stored_bytes=sealed.stored_size,
            sha256=sealed.sha256,
            created_at=now_ms(),
        )
    )


def find_same(connection: Connection, third_party_id: str, digest: bytes | None = None) -> Accepted | None:
    """The recording of this id. Raises Conflict when a digest is given, and is not that recording's."""
    known = connection.execute(
        select(recordings.c.interaction_id, recordings.c.status, recordings.c.received_digest).where(
            recordings.c.third_party_id == third_party_id
        )
    ).one_or_none()
    if known is None:
        return None
    if digest is not None and known.received_digest != digest:
        raise Conflict(f"{third_party_id} is another recording: its media or metadata differ.")
    return Accepted(known.interaction_id, third_party_id, known.status, False)


def _add_recording(
    connection: Connection,
    received: Received,
    participants: Sequence[Participant],
    media: Media | None,
    digest: bytes,
) -> tuple[int, int]:
    values = received.values
    started_at, ended_at, has_sender_times = times(values)
    position, interaction_id = take_place(connection, started_at)
    subjects = [p.person_id for p in participants if p.is_recording_subject]
    retention = retention_of(connection, values.type, subjects)
    metadata = with_hint(values.metadata or {}, hint(values))
    if received.mended:
        metadata["replacedCharactersIn"] = list(received.mended)
    connection.execute(
        insert(recordings).values(
            position=position,
            interaction_id=interaction_id,
            third_party_id=values.third_party_id,
            type=values.type,
            source=values.source or "",
            direction=values.direction or _direction(values),
            started_at=started_at,
            ended_at=ended_at,
            duration_ms=ended_at - started_at,
            is_private=bool(values.is_private) or any(p.is_private for p in participants),
            is_private_reason=values.is_private_reason or "",
            status="processed" if media is None else "received",
            has_media=media is not None,
            has_sender_times=has_sender_times,
            transcript_snippet=snippet(values.message or "", None),
            analysis=values.analysis or [],
            conversation_phases=values.conversation_phases or [],
            data_groups=values.data_groups or {},
            optional=values.optional or {},
            metadata=metadata,
            message=values.message,
            raw_sms_ids=values.raw_sms_ids,
            retention_group_id=retention.retention_group_id,
            retain_until=retention.retain_until(ended_at),
            received_at=now_ms(),
            received_digest=digest,
        )
    )
    return position, interaction_id


def _add_links(
    connection: Connection, position: int, values: IngestMetadata, participants: Sequence[Participant]
) -> None:
    connection.execute(
        insert(recording_endpoints),
        [
            {
                "position": position,
                "ordinal": ordinal,
                "endpoint_id": participant.endpoint_id,
                "person_id": participant.person_id,
                "user": participant.user,
                "user_folded": participant.user.casefold(),
                "is_originator": participant.is_originator,
                "is_recording_subject": participant.is_recording_subject,
            }
            for ordinal, participant in enumerate(participants)
        ],
    )
    if values.tags:
        set_tags(connection, position, values.tags)
    if values.data_groups:
        connection.execute(
            insert(recording_data_groups),
            [{"position": position, "name": n, "value": v} for n, v in values.data_groups.items()],
        )


def _direction(values: IngestMetadata) -> str:
    """Out when the originator is a recording subject, else In."""
    return "Out" if any(e.is_originator and e.is_recording_subject for e in values.endpoints) else "In"


def _notes(received: Received, participants: Sequence[Participant]) -> list[str]:
    notes = [f"characters replaced in {path}" for path in received.mended]
    return notes + [participant.note for participant in participants if participant.note]
