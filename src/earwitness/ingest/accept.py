"""Acceptance: the one transaction that makes recordings exist, with everything that hangs on them.

Before it, the media is durable and nobody can see it; after it, the recording is found, listed and
playable as `raw`, and the work that it still needs is queued.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Text, and_, bindparam, delete, insert, select, update

from earwitness.archive.access.usernames import keys_of
from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.database.bulk_insert import insert_many
from earwitness.archive.database.in_list import among, as_list
from earwitness.archive.database.timeline import take_places
from earwitness.archive.jobs import queue
from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.ledger import Action, Entry
from earwitness.archive.media.playable import with_hint
from earwitness.archive.people.inflight_calls import end_calls
from earwitness.archive.receipts.acknowledge import note
from earwitness.archive.receipts.compare import stay_ahead
from earwitness.archive.recordings.retention import Retention, retentions_of
from earwitness.archive.recordings.tags import set_tags
from earwitness.archive.schema.recordings import recording_data_groups, recording_endpoints, recordings
from earwitness.archive.schema.vault import media_objects, recording_keys
from earwitness.archive.text.documents import Document
from earwitness.archive.text.index import write_documents
from earwitness.archive.text.snippets import snippet
from earwitness.ingest.metadata import IngestMetadata, hint, times
from earwitness.ingest.participants import Participant, resolve
from earwitness.ingest.received import Received
from earwitness.ingest.transcript import add_transcripts
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
class Arrival:
    """A recording that is to be in the archive: its metadata, and its media if it has any."""

    received: Received
    media: Media | None = None

    @property
    def values(self) -> IngestMetadata:
        return self.received.values

    @property
    def third_party_id(self) -> str:
        return self.received.values.third_party_id

    @property
    def digest(self) -> bytes:
        return self.received.whole_digest(self.media.sealed.sha256 if self.media else b"")

    @property
    def status(self) -> Status:
        return "received" if self.media else "processed"


@dataclass(frozen=True, slots=True)
class Accepted:
    """A recording that is in the archive; `is_new` says whether it was this call that brought it."""

    interaction_id: int
    third_party_id: str
    status: Status
    is_new: bool
    replaced: tuple[str, ...] | None = None
    """Where media was added to a recording that was there: the objects that nothing names any more."""

    @property
    def keeps_media(self) -> bool:
        """Whether the media that came with it is in the archive by this."""
        return self.is_new or self.replaced is not None


@dataclass(frozen=True, slots=True)
class _Known:
    """A recording that is there: `raw_sha256` is of its media, None where it has none or one of no bytes."""

    position: int
    interaction_id: int
    third_party_id: str
    status: Status
    digest: bytes
    raw_sha256: bytes | None

    def is_same(self, received: Received, media_sha256: bytes = b"") -> bool:
        """Whether what comes again is what came first, or that with the media that came later."""
        if self.digest == received.whole_digest(media_sha256):
            return True
        came_without = self.digest in (received.whole_digest(), received.whole_digest(_OF_NOTHING))
        return came_without and media_sha256 in (self.raw_sha256, b"")

    def lacks(self, received: Received, media_sha256: bytes) -> bool:
        """Whether it is the same recording without its media, as it came before the file was there."""
        if self.raw_sha256 is not None or not media_sha256:
            return False
        return self.digest in (received.whole_digest(), received.whole_digest(_OF_NOTHING))

    def accepted(self) -> Accepted:
        return Accepted(self.interaction_id, self.third_party_id, self.status, False)


_OF_NOTHING = hashlib.sha256().digest()
"""Media of no bytes was kept as media once."""


@dataclass(frozen=True, slots=True)
class _Place:
    """What an arrival is given: where it is, its id, who took part, and how long it is kept."""

    position: int
    interaction_id: int
    participants: Sequence[Participant]
    retention: Retention


def accept(connection: Connection, archive: Archive, arrival: Arrival, action: Action) -> Accepted:
    """Add a recording. The same one again answers what is there; a different one of the same id is refused.

    Raises Conflict when `thirdPartyId` is taken by a recording of other media or metadata.
    """
    [outcome] = accept_all(connection, archive, [arrival], action)
    if isinstance(outcome, Conflict):
        raise outcome
    return outcome


def accept_all(
    connection: Connection, archive: Archive, arrivals: Sequence[Arrival], action: Action
) -> list[Accepted | Conflict]:
    """Add recordings together, and say of each what became of it: one that is refused keeps out no other."""
    stay_ahead(connection, archive.receipts)
    known = _known(connection, [arrival.third_party_id for arrival in arrivals])
    new: dict[str, Arrival] = {}
    for arrival in arrivals:
        if arrival.third_party_id not in known:
            new.setdefault(arrival.third_party_id, arrival)
    ids = dict(zip(new, _add(connection, archive, list(new.values()), action), strict=True)) if new else {}
    outcomes: list[Accepted | Conflict] = []
    for arrival in arrivals:
        name = arrival.third_party_id
        first = new.get(name)
        if first is arrival:
            outcomes.append(Accepted(ids[name], name, arrival.status, True))
        elif first is not None:
            is_same = arrival.digest == first.digest
            outcomes.append(Accepted(ids[name], name, first.status, False) if is_same else _other(name))
        else:
            outcomes.append(_again(connection, archive, known[name], arrival, action))
    return outcomes


def _again(
    connection: Connection, archive: Archive, known: _Known, arrival: Arrival, action: Action
) -> Accepted | Conflict:
    """What becomes of a recording that is there: nothing, or it gets the media that it came without."""
    sha256 = arrival.media.sealed.sha256 if arrival.media else b""
    if arrival.media is not None and known.lacks(arrival.received, sha256):
        replaced = bring_media(
            connection, archive, known.position, known.interaction_id, arrival.media, action
        )
        note(connection, "media", [(known.interaction_id, known.third_party_id)])
        return Accepted(known.interaction_id, known.third_party_id, "received", False, replaced)
    return known.accepted() if known.is_same(arrival.received, sha256) else _other(known.third_party_id)


def find_same(
    connection: Connection, third_party_id: str, received: Received | None = None, media_sha256: bytes = b""
) -> Accepted | None:
    """The recording of this id; with `received` only if that would change nothing.

    Raises Conflict where it is another recording.
    """
    known = _known(connection, [third_party_id]).get(third_party_id)
    if known is None or (received is not None and known.lacks(received, media_sha256)):
        return None
    if received is not None and not known.is_same(received, media_sha256):
        raise _other(third_party_id)
    return known.accepted()


def _known(connection: Connection, third_party_ids: Sequence[str]) -> dict[str, _Known]:
    rows = connection.execute(_KNOWN, {"ids": as_list(third_party_ids)})
    return {
        row.third_party_id: _Known(
            row.position,
            row.interaction_id,
            row.third_party_id,
            row.status,
            row.received_digest,
            row.sha256 if row.size_bytes else None,
        )
        for row in rows
    }


_KNOWN = (
    select(
        recordings.c.position,
        recordings.c.third_party_id,
        recordings.c.interaction_id,
        recordings.c.status,
        recordings.c.received_digest,
        media_objects.c.sha256,
        media_objects.c.size_bytes,
    )
    .outerjoin(
        media_objects,
        and_(media_objects.c.position == recordings.c.position, media_objects.c.kind == "raw"),
    )
    .where(among(recordings.c.third_party_id, bindparam("ids", type_=Text)))
)


def _other(third_party_id: str) -> Conflict:
    return Conflict(f"A recording {third_party_id} exists, with other media or metadata.")


def _add(connection: Connection, archive: Archive, arrivals: Sequence[Arrival], action: Action) -> list[int]:
    """Add what is not there, with few statements for all; their interactionIds."""
    values = [arrival.values for arrival in arrivals]
    end_calls(connection, [one.third_party_id for one in values])
    participants = resolve(connection, values)
    places = take_places(connection, [times(one)[0] for one in values])
    subjects = ([p.person_id for p in parts if p.is_recording_subject] for parts in participants)
    retentions = retentions_of(connection, [(v.type, s) for v, s in zip(values, subjects, strict=True)])
    placed = [
        (arrival, _Place(*place, parts, retention))
        for arrival, place, parts, retention in zip(arrivals, places, participants, retentions, strict=True)
    ]
    kept = {place.position: transcript for a, place in placed if (transcript := a.received.transcript)}
    insert_many(connection, recordings, [_row(arrival, place) for arrival, place in placed])
    _add_links(connection, placed)
    add_transcripts(connection, kept)
    write_documents(connection, {place.position: _document(arrival, place) for arrival, place in placed})
    for arrival, place in placed:
        if arrival.media is not None:
            add_media(connection, archive, place.position, place.interaction_id, arrival.media)
            queue.queue(connection, "process", place.position, *_notes(arrival.received, place.participants))
    ids = [interaction_id for _, interaction_id in places]
    ledger.append(connection, action, [Entry(interaction_id, response_code=201) for interaction_id in ids])
    note(connection, "recording", [(i, v.third_party_id) for i, v in zip(ids, values, strict=True)])
    return ids


def _document(arrival: Arrival, place: _Place) -> Document:
    return arrival.received.document.and_also(one.words for one in place.participants)


def _row(arrival: Arrival, place: _Place) -> dict[str, Any]:
    values, kept = arrival.values, arrival.received.transcript
    started_at, ended_at, has_sender_times = times(values)
    metadata = with_hint(values.metadata or {}, hint(values))
    if arrival.received.mended:
        metadata["replacedCharactersIn"] = list(arrival.received.mended)
    return {
        "position": place.position,
        "interaction_id": place.interaction_id,
        "third_party_id": values.third_party_id,
        "type": values.type,
        "source": values.source or "",
        "direction": str(values.direction or _direction(values)),
        "started_at": started_at,
        "ended_at": ended_at,
        "duration_ms": ended_at - started_at,
        "is_private": bool(values.is_private) or any(p.is_private for p in place.participants),
        "is_private_reason": values.is_private_reason or "",
        "status": arrival.status,
        "has_media": arrival.media is not None,
        "has_sender_times": has_sender_times,
        "transcript_snippet": kept.opening if kept else snippet(values.message or "", None),
        "analysis": values.analysis or [],
        "conversation_phases": values.conversation_phases or [],
        "data_groups": values.data_groups or {},
        "optional": values.optional or {},
        "metadata": metadata,
        "message": values.message,
        "raw_sms_ids": values.raw_sms_ids,
        "retention_group_id": place.retention.retention_group_id,
        "retain_until": place.retention.retain_until(ended_at),
        "received_at": now_ms(),
        "received_digest": arrival.digest,
    }


def _add_links(connection: Connection, placed: Iterable[tuple[Arrival, _Place]]) -> None:
    parts: list[dict[str, Any]] = []
    groups: list[dict[str, Any]] = []
    tagged: dict[int, Sequence[str]] = {}
    named = {one.user for _, place in placed for one in place.participants if one.user}
    keys = keys_of(connection, named)
    for arrival, place in placed:
        parts += [
            {
                "position": place.position,
                "ordinal": ordinal,
                "endpoint_id": participant.endpoint_id,
                "person_id": participant.person_id,
                "user": participant.user,
                "user_folded": keys.get(participant.user, ""),
                "is_originator": participant.is_originator,
                "is_recording_subject": participant.is_recording_subject,
            }
            for ordinal, participant in enumerate(place.participants)
        ]
        groups += [
            {"position": place.position, "name": name, "value": value}
            for name, value in (arrival.values.data_groups or {}).items()
        ]
        if arrival.values.tags:
            tagged[place.position] = arrival.values.tags
    insert_many(connection, recording_endpoints, parts)
    insert_many(connection, recording_data_groups, groups)
    if tagged:
        set_tags(connection, tagged)


def _direction(values: IngestMetadata) -> str:
    """Out when the originator is a recording subject, else In."""
    return "Out" if any(e.is_originator and e.is_recording_subject for e in values.endpoints) else "In"


def _notes(received: Received, participants: Sequence[Participant]) -> list[str]:
    notes = [f"characters replaced in {path}" for path in received.mended]
    return notes + [participant.note for participant in participants if participant.note]


def bring_media(
    connection: Connection, archive: Archive, position: int, interaction_id: int, media: Media, action: Action
) -> tuple[str, ...]:
    """Add media to a recording without any, and queue its processing.

    Media of no bytes, which was kept once, is none: its object goes, and the log of the job names it.
    Answers the objects that nothing names any more.
    """
    empty = delete(media_objects).where(media_objects.c.position == position)
    replaced = tuple(connection.scalars(empty.returning(media_objects.c.name)))
    connection.execute(delete(recording_keys).where(recording_keys.c.position == position))
    add_media(connection, archive, position, interaction_id, media)
    this = recordings.c.position == position
    connection.execute(update(recordings).where(this).values(has_media=True, status="received"))
    notes = [f"media of no bytes was there, the object {name}: removed" for name in replaced]
    queue.queue(connection, "process", position, *notes)
    told: dict[str, object] = {"added": "media"}
    if replaced:
        told["removed"] = list(replaced)
    ledger.append(connection, action, [Entry(interaction_id, metadata=told)])
    return replaced


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
