"""Adding recordings that are not in the archive yet, with few statements for all of them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection

from earwitness.archive.access.usernames import keys_of
from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.database.bulk_insert import insert_many, together
from earwitness.archive.database.timeline import take_places
from earwitness.archive.jobs import queue
from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.ledger import Action, Entry
from earwitness.archive.ledger.recording_digests import add_digests
from earwitness.archive.ledger.recording_parts import (
    Values,
    media_value,
    participant_value,
    privacy_value,
    retention_value,
    source_value,
    transcript_value,
)
from earwitness.archive.ledger.touched import Named, take_touched
from earwitness.archive.media.playable import with_hint
from earwitness.archive.people.inflight_calls import end_calls
from earwitness.archive.receipts.acknowledge import note
from earwitness.archive.recordings.counts import count_added
from earwitness.archive.recordings.retention import Retention, retentions_of
from earwitness.archive.recordings.tags import set_tags
from earwitness.archive.schema.recordings import recording_data_groups, recording_endpoints, recordings
from earwitness.archive.text.documents import Document
from earwitness.archive.text.index import write_documents
from earwitness.archive.text.snippets import snippet
from earwitness.ingest.arrivals import Arrival
from earwitness.ingest.known_recordings import LookedUp
from earwitness.ingest.metadata import IngestMetadata, hint, times
from earwitness.ingest.original_media import add_media
from earwitness.ingest.participants import ResolvedParticipant, resolve_participants
from earwitness.ingest.transcript import add_transcripts
from earwitness.kernel.clock import now_ms


@dataclass(frozen=True, slots=True)
class _NewRecording:
    """An arrival, with the position, id, participants and retention that it gets here."""

    arrival: Arrival
    position: int
    interaction_id: int
    participants: Sequence[ResolvedParticipant]
    retention: Retention

    @property
    def document(self) -> Document:
        """The words by which the recording is found."""
        return self.arrival.metadata.document.and_also(one.words for one in self.participants)

    @property
    def notes(self) -> list[str]:
        """The first entries of the log of its job."""
        notes = [f"characters replaced in {path}" for path in self.arrival.metadata.replaced_in]
        return notes + [participant.note for participant in self.participants if participant.note]


@dataclass(frozen=True, slots=True)
class _Written:
    """A new recording as its rows have it."""

    new: _NewRecording
    row: dict[str, Any]
    participants: Sequence[dict[str, Any]]
    tag_ids: Sequence[int]

    @property
    def values(self) -> Values:
        """Its parts, as they would be read from the tables."""
        values: Values = {
            "source": source_value(self.row),
            "participants": [participant_value(one) for one in self.participants],
            "privacy": privacy_value(self.row),
            "retention": retention_value(self.row),
        }
        if self.row["message"] is not None:
            values["message"] = self.row["message"]
        if self.tag_ids:
            values["tags"] = list(self.tag_ids)
        if media := self.new.arrival.media:
            values["media"] = media_value(
                {"sha256": media.sealed.sha256, "size_bytes": media.sealed.plain_size}
            )
        if kept := self.new.arrival.metadata.transcript:
            segments = msgspec.json.decode(kept.segments)
            values["transcript"] = transcript_value(
                {"language": kept.language, "segments": segments, "engine": None}
            )
        return values

    @property
    def names(self) -> Iterator[Named]:
        """The endpoints, people and tags that it names."""
        for one in self.participants:
            yield "Endpoint", one["endpoint_id"]
            if one["person_id"] is not None:
                yield "Person", one["person_id"]
        for tag_id in self.tag_ids:
            yield "Tag", tag_id


def add_recordings(
    connection: Connection, archive: Archive, arrivals: Sequence[Arrival], found: LookedUp
) -> list[int]:
    """Add recordings with everything that belongs to them, and queue their jobs; returns interactionIds."""
    new = _prepare(connection, arrivals, found)
    with together(connection):
        _write(connection, archive, new)
    ids = [one.interaction_id for one in new]
    note(connection, "recording", [(one.interaction_id, one.arrival.third_party_id) for one in new])
    return ids


def _write(connection: Connection, archive: Archive, new: Sequence[_NewRecording]) -> None:
    """Write the rows of recordings, their participants, words, media, jobs, and the ledger."""
    rows = [_row(one) for one in new]
    insert_many(connection, recordings, rows)
    count_added(connection, rows)
    participants = _add_participants(connection, new)
    _add_data_groups(connection, new)
    tagged = {one.position: one.arrival.values.tags for one in new if one.arrival.values.tags}
    tag_ids = set_tags(connection, tagged, are_new=True) if tagged else {}
    transcripts = ((one.position, one.arrival.metadata.transcript) for one in new)
    add_transcripts(connection, {position: kept for position, kept in transcripts if kept})
    write_documents(connection, {one.position: one.document for one in new}, are_new=True)
    media = {(one.position, one.interaction_id): one.arrival.media for one in new if one.arrival.media}
    add_media(connection, archive, media)
    queue.add_for_each(connection, "process", {one.position: one.notes for one in new if one.arrival.media})
    written = [
        _Written(one, row, participants[one.position], tag_ids.get(one.position, []))
        for one, row in zip(new, rows, strict=True)
    ]
    _append_to_ledger(connection, written)


def _prepare(connection: Connection, arrivals: Sequence[Arrival], found: LookedUp) -> list[_NewRecording]:
    """Find or add the participants, and give each arrival its position, its id and its retention."""
    values = [arrival.values for arrival in arrivals]
    if found.has_calls:
        end_calls(connection, [one.third_party_id for one in values])
    participants = resolve_participants(connection, values, found.endpoints)
    places = take_places(connection, [arrival.started_at for arrival in arrivals], found.latest)
    subjects = ([p.person_id for p in parts if p.is_recording_subject] for parts in participants)
    retentions = retentions_of(
        connection,
        [(one.type, persons) for one, persons in zip(values, subjects, strict=True)],
        default=found.default_retention,
        has_groups=found.has_groups,
    )
    return [
        _NewRecording(arrival, *place, parts, retention)
        for arrival, place, parts, retention in zip(arrivals, places, participants, retentions, strict=True)
    ]


def _row(new: _NewRecording) -> dict[str, Any]:
    arrival, values, transcript = new.arrival, new.arrival.values, new.arrival.metadata.transcript
    started_at, ended_at, has_sender_times = times(values)
    return {
        "position": new.position,
        "interaction_id": new.interaction_id,
        "third_party_id": values.third_party_id,
        "type": values.type,
        "source": values.source or "",
        "direction": str(values.direction or _direction(values)),
        "started_at": started_at,
        "ended_at": ended_at,
        "duration_ms": ended_at - started_at,
        "is_private": bool(values.is_private) or any(p.is_private for p in new.participants),
        "is_private_reason": values.is_private_reason or "",
        "status": arrival.status,
        "has_media": arrival.media is not None,
        "has_sender_times": has_sender_times,
        "transcript_snippet": transcript.opening if transcript else snippet(values.message or "", None),
        "analysis": values.analysis or [],
        "conversation_phases": values.conversation_phases or [],
        "data_groups": values.data_groups or {},
        "optional": values.optional or {},
        "metadata": _metadata(arrival),
        "message": values.message,
        "raw_sms_ids": values.raw_sms_ids,
        "retention_group_id": new.retention.retention_group_id,
        "retain_until": new.retention.retain_until(ended_at),
        "received_at": now_ms(),
        "received_digest": arrival.digest,
    }


def _metadata(arrival: Arrival) -> dict[str, Any]:
    """The source's own metadata, with the codec that it stated and where characters were replaced."""
    metadata = with_hint(arrival.values.metadata or {}, hint(arrival.values))
    if arrival.metadata.replaced_in:
        metadata["replacedCharactersIn"] = list(arrival.metadata.replaced_in)
    return metadata


def _add_participants(
    connection: Connection, new: Iterable[_NewRecording]
) -> dict[int, list[dict[str, Any]]]:
    """Add the participants. Returns their rows by position."""
    usernames = {participant.user for one in new for participant in one.participants if participant.user}
    keys = keys_of(connection, usernames)
    rows = {
        one.position: [
            {
                "position": one.position,
                "ordinal": ordinal,
                "endpoint_id": participant.endpoint_id,
                "person_id": participant.person_id,
                "user": participant.user,
                "user_folded": keys.get(participant.user, ""),
                "is_originator": participant.is_originator,
                "is_recording_subject": participant.is_recording_subject,
            }
            for ordinal, participant in enumerate(one.participants)
        ]
        for one in new
    }
    insert_many(connection, recording_endpoints, [row for some in rows.values() for row in some])
    return rows


def _add_data_groups(connection: Connection, new: Iterable[_NewRecording]) -> None:
    rows = [
        {"position": one.position, "name": name, "value": value}
        for one in new
        for name, value in (one.arrival.values.data_groups or {}).items()
    ]
    insert_many(connection, recording_data_groups, rows)


def _append_to_ledger(connection: Connection, written: Sequence[_Written]) -> None:
    """Write a row for each recording, under the header of the call or command that added it.

    So is a row for each endpoint, person and tag that came with it.
    """
    touched = set(take_touched(connection))
    changed = add_digests(connection, {one.new.position: one.values for one in written})
    entries: dict[int, tuple[Action, list[Entry]]] = {}
    for one in written:
        action = one.new.arrival.action
        _, its = entries.setdefault(id(action), (action, []))  # equal actions may be of two calls
        its.append(Entry(one.new.interaction_id, response_code=201, changed=changed[one.new.position]))
        came = dict.fromkeys(named for named in one.names if named in touched) if touched else {}
        its += [Entry(id_, name, response_code=201) for name, id_ in came]
        touched.difference_update(came)
    ledger.append_all(connection, list(entries.values()))


def _direction(values: IngestMetadata) -> str:
    """Out if the originator is a recording subject, else In."""
    return "Out" if any(e.is_originator and e.is_recording_subject for e in values.endpoints) else "In"
