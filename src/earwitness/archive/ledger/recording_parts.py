"""The parts of a recording as they are stored, of which the log has digests: one row for each part.

A value is what JSON can have. A part that a recording does not have has no value.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, RowMapping, Select, Table, select

from earwitness.archive.database.in_list import POSITIONS, among, as_list
from earwitness.archive.ledger.tree.commitments import PARTS, Part, comment_part
from earwitness.archive.schema.recordings import (
    comments,
    legal_hold_recordings,
    playlist_recordings,
    recording_endpoints,
    recording_tags,
    recordings,
    transcripts,
)
from earwitness.archive.schema.vault import media_objects
from earwitness.kernel.rights import Right

Values = dict[str, Any]
"""What a recording has, by the names of its parts. Each comment is a part of its own: `comment/17`."""


def source_value(row: Mapping[str, Any]) -> dict[str, Any]:
    """What the source said, and the times that were measured. `row` has columns of `recordings`."""
    return {
        "thirdPartyId": row["third_party_id"],
        "type": row["type"],
        "source": row["source"],
        "direction": row["direction"],
        "startedAt": row["started_at"],
        "endedAt": row["ended_at"],
        "durationMs": row["duration_ms"],
        "analysis": row["analysis"],
        "conversationPhases": row["conversation_phases"],
        "dataGroups": row["data_groups"],
        "optional": row["optional"],
        "metadata": row["metadata"],
        "rawSmsIds": row["raw_sms_ids"],
        "receivedAt": row["received_at"],
    }


def participant_value(row: Mapping[str, Any]) -> dict[str, Any]:
    """One of the participants, which are in the order of their `ordinal`."""
    return {
        "endpointId": row["endpoint_id"],
        "personId": row["person_id"],
        "user": row["user"],
        "isOriginator": row["is_originator"],
        "isRecordingSubject": row["is_recording_subject"],
    }


def media_value(row: Mapping[str, Any]) -> dict[str, Any]:
    """The original. Renditions are made of it, and can be made again."""
    return {"sha256": row["sha256"].hex(), "sizeBytes": row["size_bytes"]}


def transcript_value(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"language": row["language"], "segments": row["segments"], "engine": row["engine"]}


def comment_value(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "userId": row["user_id"],
        "comment": row["comment"],
        "startOffsetInSeconds": row["start_offset_in_seconds"],
        "endOffsetInSeconds": row["end_offset_in_seconds"],
        "tagId": row["tag_id"],
        "bookmarkId": row["bookmark_id"],
        "insertedAt": row["inserted_at"],
        "withdrawnAt": row["withdrawn_at"],
    }


def privacy_value(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"isPrivate": row["is_private"], "reason": row["is_private_reason"]}


def retention_value(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"retentionGroupId": row["retention_group_id"], "retainUntil": row["retain_until"]}


@dataclass(frozen=True, slots=True)
class PartRow:
    """Where a part is, what it is made of, and the right that shows it today."""

    right: Right
    columns: Sequence[Column[Any]]
    """All of one table, which also has `position`."""
    value: Callable[[Any], Any]
    by: Sequence[Column[Any]] = ()
    """The order of its rows, where it has several."""
    only: ColumnElement[bool] | None = None
    is_list: bool = False
    """Whether each row is one of the part's values, and not the part itself."""


_recording, _participant, _comment = recordings.c, recording_endpoints.c, comments.c

PART_ROWS: Mapping[Part, PartRow] = {
    "source": PartRow(
        Right.RECORDING_VIEW,
        (
            _recording.third_party_id,
            _recording.type,
            _recording.source,
            _recording.direction,
            _recording.started_at,
            _recording.ended_at,
            _recording.duration_ms,
            _recording.analysis,
            _recording.conversation_phases,
            _recording.data_groups,
            _recording.optional,
            _recording.metadata,
            _recording.raw_sms_ids,
            _recording.received_at,
        ),
        source_value,
    ),
    "participants": PartRow(
        Right.RECORDING_VIEW,
        (
            _participant.endpoint_id,
            _participant.person_id,
            _participant.user,
            _participant.is_originator,
            _participant.is_recording_subject,
        ),
        participant_value,
        by=(_participant.position, _participant.ordinal),
        is_list=True,
    ),
    "media": PartRow(
        Right.RECORDING_VIEW,
        (media_objects.c.sha256, media_objects.c.size_bytes),
        media_value,
        only=media_objects.c.kind == "raw",
    ),
    "transcript": PartRow(
        Right.RECORDING_TRANSCRIPTION_VIEW,
        (transcripts.c.language, transcripts.c.segments, transcripts.c.engine),
        transcript_value,
    ),
    "message": PartRow(Right.RECORDING_VIEW, (_recording.message,), lambda row: row["message"]),
    "tags": PartRow(
        Right.RECORDING_VIEW,
        (recording_tags.c.tag_id,),
        lambda row: row["tag_id"],
        by=(recording_tags.c.position, recording_tags.c.ordinal),
        is_list=True,
    ),
    "comments": PartRow(
        Right.RECORDING_COMMENT_VIEW,
        (
            _comment.id,
            _comment.user_id,
            _comment.comment,
            _comment.start_offset_in_seconds,
            _comment.end_offset_in_seconds,
            _comment.tag_id,
            _comment.bookmark_id,
            _comment.inserted_at,
            _comment.withdrawn_at,
        ),
        comment_value,
        by=(_comment.id,),
    ),
    "privacy": PartRow(
        Right.RECORDING_VIEW, (_recording.is_private, _recording.is_private_reason), privacy_value
    ),
    "retention": PartRow(
        Right.RECORDING_VIEW, (_recording.retention_group_id, _recording.retain_until), retention_value
    ),
    "holds": PartRow(
        Right.LEGAL_HOLD_VIEW,
        (legal_hold_recordings.c.legal_hold_id,),
        lambda row: row["legal_hold_id"],
        by=(legal_hold_recordings.c.position, legal_hold_recordings.c.legal_hold_id),
        is_list=True,
    ),
    "playlists": PartRow(
        Right.PLAYLIST_VIEW,
        (playlist_recordings.c.playlist_id,),
        lambda row: row["playlist_id"],
        by=(playlist_recordings.c.position, playlist_recordings.c.playlist_id),
        is_list=True,
    ),
}

if tuple(PART_ROWS) != PARTS:
    raise TypeError("PART_ROWS needs one row for each part of a recording, in the order of PARTS.")


def right_of(name: str) -> Right:
    """The right that shows a part today, by its name; each comment is a part of its own."""
    rights: dict[str, Right] = {part: row.right for part, row in PART_ROWS.items()}
    return rights["comments" if name.startswith("comment/") else name]


def read_parts(
    connection: Connection, positions: Sequence[int], parts: Collection[Part] = PARTS
) -> dict[int, Values]:
    """The values of these parts of the recordings at some positions, as they are now."""
    found: dict[int, Values] = {position: {} for position in positions}
    asked = {"positions": as_list(positions)}
    for statement, of_table in _statements(tuple(parts)):
        rows = [one._mapping for one in connection.execute(statement, asked)]
        for part in of_table:
            _add(found, part, PART_ROWS[part], rows)
    return found


@lru_cache
def _statements(parts: tuple[Part, ...]) -> Sequence[tuple[Select[Any], Sequence[Part]]]:
    """A statement for each table that has some of these parts."""
    of_table: dict[Table, list[Part]] = {}
    for part in parts:
        of_table.setdefault(PART_ROWS[part].columns[0].table, []).append(part)
    return [(_statement(table, some), some) for table, some in of_table.items()]


def _statement(table: Table, parts: Sequence[Part]) -> Select[Any]:
    position = table.c.position
    rows = [PART_ROWS[part] for part in parts]
    columns = dict.fromkeys(column for row in rows for column in row.columns)
    only = [row.only for row in rows if row.only is not None]
    return select(position, *columns).where(among(position, POSITIONS), *only).order_by(*rows[0].by)


def _add(found: Mapping[int, Values], part: Part, row: PartRow, rows: Sequence[RowMapping]) -> None:
    listed: dict[int, list[Any]] = defaultdict(list)
    for one in rows:
        position, value = one["position"], row.value(one)
        if row.is_list:
            listed[position].append(value)
        elif part == "comments":
            found[position][comment_part(one["id"])] = value
        elif value is not None:
            found[position][part] = value
    for position, values in listed.items():
        found[position][part] = values
