"""Search recordings: POST /client/recording.search."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from msgspec import UNSET, UnsetType, field
from sqlalchemy import Connection, func, select

from earwitness.api.recordings.search_token import mint, read
from earwitness.archive.filters import RecordingSearch
from earwitness.archive.free_text import Node, snippet
from earwitness.archive.participants import Participant, participants_of
from earwitness.archive.schema.recordings import (
    comments,
    legal_hold_recordings,
    legal_holds,
    recording_tags,
    recordings,
    tags,
    transcripts,
)
from earwitness.archive.search import DEFAULT_PAGE_SIZE, newest_committed_id, search
from earwitness.archive.text_index import spoken
from earwitness.archive.viewer import Viewer
from earwitness.http import road
from earwitness.http.road import Call
from earwitness.kernel.clock import format_ms
from earwitness.kernel.rights import Right
from earwitness.kernel.wire import Wire


class LegalHold(Wire):
    """A hold that keeps a recording."""

    id: int
    name: str


class Recording(Wire):
    """One communication, as search shows it."""

    interaction_id: int
    third_party_id: str
    start_datetime_utc: str = field(name="startDatetimeUTC")
    end_datetime_utc: str = field(name="endDatetimeUTC")
    duration_in_seconds: float
    type: str
    source: str
    comments_count: int
    transcript_snippet: str
    analysis: list[str]
    tags: list[str]
    conversation_phases: list[str]
    is_private: bool
    is_private_reason: str
    media_access_status: str
    retention_group_id: int | None
    retain_until: str | None
    legal_holds: list[LegalHold]
    data_groups: dict[str, str]
    optional: dict[str, Any]
    endpoints: list[Participant]


class RecordingsPage(Wire):
    """A page of recordings and the exact total."""

    recordings: list[Recording]
    total: int
    page: int
    page_size: int
    recordings_search_token: str | UnsetType = UNSET


@road.read("/client/recording.search", right=Right.RECORDING_VIEW)
def search_recordings(call: Call, wanted: RecordingSearch) -> RecordingsPage:
    """Search recordings."""
    tokens = call.installation.tokens
    if wanted.recordings_search_token is None:
        newest_id = None
        token = mint(tokens, call.viewer, wanted, newest_committed_id(call.connection))
    else:
        newest_id = read(tokens, call.viewer, wanted, wanted.recordings_search_token)
        token = wanted.recordings_search_token
    found = search(call.connection, wanted, call.viewer, newest_id)
    return RecordingsPage(
        recordings=_recordings(call.connection, call.viewer, found.positions, found.asked),
        total=found.total,
        page=wanted.page or 1,
        page_size=wanted.page_size or DEFAULT_PAGE_SIZE,
        recordings_search_token=token,
    )


def _recordings(
    connection: Connection, viewer: Viewer, positions: Sequence[int], asked: Node | None
) -> list[Recording]:
    """The recordings at these positions, in their order."""
    if not positions:
        return []
    rows = {
        row.position: row
        for row in connection.execute(select(recordings).where(recordings.c.position.in_(positions)))
    }
    participants = participants_of(connection, positions)
    tagged = _tags(connection, positions)
    holds = _legal_holds(connection, positions)
    commented = _comment_counts(connection, viewer, positions)
    snippets = _snippets(connection, positions, asked) if asked else {}
    return [
        Recording(
            interaction_id=row.interaction_id,
            third_party_id=row.third_party_id,
            start_datetime_utc=format_ms(row.started_at),
            end_datetime_utc=format_ms(row.ended_at),
            duration_in_seconds=row.duration_ms / 1000,
            type=row.type,
            source=row.source,
            comments_count=commented.get(row.position, 0),
            transcript_snippet=snippets.get(row.position, row.transcript_snippet),
            analysis=row.analysis,
            tags=tagged[row.position],
            conversation_phases=row.conversation_phases,
            is_private=row.is_private,
            is_private_reason=row.is_private_reason,
            media_access_status=media_access_status(viewer, row.has_media),
            retention_group_id=row.retention_group_id,
            retain_until=None if row.retain_until is None else format_ms(row.retain_until),
            legal_holds=holds[row.position],
            data_groups=row.data_groups,
            optional=row.optional,
            endpoints=participants[row.position],
        )
        for row in (rows[position] for position in positions)
    ]


def media_access_status(viewer: Viewer, has_media: bool) -> str:
    """`Unavailable` without media, `Denied` without the right to play it, else `Permitted`."""
    if not has_media:
        return "Unavailable"
    return "Permitted" if viewer.may(Right.RECORDING_PLAY) else "Denied"


def _tags(connection: Connection, positions: Sequence[int]) -> dict[int, list[str]]:
    tagged: dict[int, list[str]] = defaultdict(list)
    rows = connection.execute(
        select(recording_tags.c.position, tags.c.tag)
        .join(tags, tags.c.id == recording_tags.c.tag_id)
        .where(recording_tags.c.position.in_(positions))
        .order_by(recording_tags.c.position, recording_tags.c.ordinal)
    )
    for position, tag in rows:
        tagged[position].append(tag)
    return tagged


def _legal_holds(connection: Connection, positions: Sequence[int]) -> dict[int, list[LegalHold]]:
    holds: dict[int, list[LegalHold]] = defaultdict(list)
    member = legal_hold_recordings.c
    rows = connection.execute(
        select(member.position, legal_holds.c.id, legal_holds.c.name)
        .join(legal_holds, legal_holds.c.id == member.legal_hold_id)
        .where(member.position.in_(positions), legal_holds.c.ended_at.is_(None))
        .order_by(legal_holds.c.id)
    )
    for position, hold_id, name in rows:
        holds[position].append(LegalHold(id=hold_id, name=name))
    return holds


def _comment_counts(connection: Connection, viewer: Viewer, positions: Sequence[int]) -> dict[int, int]:
    if not viewer.may(Right.RECORDING_COMMENT_VIEW):
        return {}
    rows = connection.execute(
        select(comments.c.position, func.count())
        .where(comments.c.position.in_(positions), comments.c.withdrawn_at.is_(None))
        .group_by(comments.c.position)
    )
    return {row[0]: row[1] for row in rows}


def _snippets(connection: Connection, positions: Sequence[int], asked: Node) -> dict[int, str]:
    """The passages that matched, in what was said or written."""
    rows = connection.execute(
        select(recordings.c.position, recordings.c.message, transcripts.c.segments)
        .outerjoin(transcripts, transcripts.c.position == recordings.c.position)
        .where(recordings.c.position.in_(positions))
    )
    return {row.position: snippet(spoken(row.segments or []) or row.message or "", asked) for row in rows}
