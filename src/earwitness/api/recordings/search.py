"""Search recordings: POST /client/recording.search."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from msgspec import UNSET, UnsetType, field
from sqlalchemy import Connection, Text, cast, func, select

from earwitness.api.recordings.search_token import Pinned, mint, pin, read
from earwitness.archive.access.viewer import Viewer
from earwitness.archive.database.engines import KEEPS_ITS_PLAN, check_time
from earwitness.archive.database.in_list import POSITIONS, among, as_list
from earwitness.archive.database.json_columns import as_written
from earwitness.archive.recordings.legal_holds import LEGAL_HOLDS, LegalHold
from earwitness.archive.recordings.participants import PARTICIPANTS, Participant
from earwitness.archive.recordings.tags import TAGS
from earwitness.archive.schema.recordings import (
    comments,
    recordings,
    transcripts,
)
from earwitness.archive.search.filters import RecordingSearch
from earwitness.archive.search.search import DEFAULT_PAGE_SIZE, Found, search
from earwitness.archive.spelling.tokens import NEWEST, Reading
from earwitness.archive.text.index import said
from earwitness.archive.text.query import Node
from earwitness.archive.text.snippets import snippet
from earwitness.http import operations
from earwitness.http.operations import Call
from earwitness.kernel.clock import format_ms
from earwitness.kernel.rights import Right
from earwitness.kernel.wire import MomentText, Wire


class Recording(Wire):
    """One communication, as search shows it."""

    interaction_id: int
    third_party_id: str
    start_datetime_utc: MomentText = field(name="startDatetimeUTC")
    end_datetime_utc: MomentText = field(name="endDatetimeUTC")
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
    retain_until: MomentText | None
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


@operations.read("/client/recording.search", right=Right.RECORDING_VIEW)
def search_recordings(call: Call, wanted: RecordingSearch) -> RecordingsPage:
    """Search recordings."""
    return page_of(call, wanted, *find(call, wanted))


def find(call: Call, wanted: RecordingSearch) -> tuple[Found, Pinned]:
    """Where the page lies, of a search that is pinned by the token that was sent, or now."""
    if wanted.recordings_search_token is None:
        found = search(call.connection, wanted, call.viewer)
        return found, pin(found.newest_id)
    pinned = read(call.installation.tokens, call.viewer, wanted, wanted.recordings_search_token)
    return search(call.connection, wanted, call.viewer, pinned.newest_id, pinned.place), pinned


def page_of(call: Call, wanted: RecordingSearch, found: Found, pinned: Pinned) -> RecordingsPage:
    """The page that was found, with its recordings."""
    return RecordingsPage(
        recordings=recordings_at(call.connection, call.viewer, found.positions, found.asked, found.reading),
        total=found.total,
        page=wanted.page or 1,
        page_size=wanted.page_size or DEFAULT_PAGE_SIZE,
        recordings_search_token=mint(call.installation.tokens, call.viewer, wanted, pinned, found.place),
    )


# Built once: building a statement costs more than running it over a page.
_ROWS = (
    select(
        recordings.c.position,
        recordings.c.interaction_id,
        recordings.c.third_party_id,
        recordings.c.started_at,
        recordings.c.ended_at,
        recordings.c.duration_ms,
        recordings.c.type,
        recordings.c.source,
        select(func.count())
        .where(comments.c.position == recordings.c.position, comments.c.withdrawn_at.is_(None))
        .scalar_subquery(),
        recordings.c.transcript_snippet,
        cast(recordings.c.analysis, Text),
        TAGS,
        cast(recordings.c.conversation_phases, Text),
        recordings.c.is_private,
        recordings.c.is_private_reason,
        recordings.c.has_media,
        recordings.c.retention_group_id,
        recordings.c.retain_until,
        LEGAL_HOLDS,
        cast(recordings.c.data_groups, Text),
        cast(recordings.c.optional, Text),
        PARTICIPANTS,
    )
    .where(among(recordings.c.position, POSITIONS))
    .execution_options(**KEEPS_ITS_PLAN)
)
_ROWS_AND_MESSAGES = _ROWS.add_columns(recordings.c.message)
_ROWS_AND_TEXTS = _ROWS_AND_MESSAGES.add_columns(cast(transcripts.c.segments, Text)).outerjoin_from(
    recordings, transcripts, transcripts.c.position == recordings.c.position
)


def recordings_at(
    connection: Connection,
    viewer: Viewer,
    positions: Sequence[int],
    asked: Node | None,
    reading: Reading = NEWEST,
) -> list[Recording]:
    """The recordings at these positions, in their order, with the passages at which a query is found."""
    if not positions:
        return []
    page = {"positions": as_list(positions)}
    if viewer.may(Right.RECORDING_TRANSCRIPTION_VIEW):
        statement = _ROWS_AND_TEXTS if asked else _ROWS
    else:
        statement = _ROWS_AND_MESSAGES  # a transcript is not even read, nor its opening shown
    rows = connection.execute(statement, page).all()
    sees_comments = viewer.may(Right.RECORDING_COMMENT_VIEW)
    media = [media_access_status(viewer, has_media) for has_media in (False, True)]
    found: dict[int, Recording] = {}
    for row in rows:
        if asked:
            check_time(connection)  # a passage is looked for in all that was said
        found[row[0]] = _recording(row, partial(snippet, node=asked, reading=reading), sees_comments, media)
    return [found[position] for position in positions]


def _recording(
    row: Sequence[Any], passage_of: Callable[[str], str], sees_comments: bool, media: list[str]
) -> Recording:
    (_, interaction_id, third_party_id, started_at, ended_at, duration_ms, type_, source, commented, opening,
     analysis, tags, phases, is_private, reason, has_media, group_id, until, holds, groups, optional,
     participants, *texts) = row  # fmt: skip
    return Recording(
        interaction_id=interaction_id,
        third_party_id=third_party_id,
        start_datetime_utc=format_ms(started_at),
        end_datetime_utc=format_ms(ended_at),
        duration_in_seconds=duration_ms / 1000,
        type=type_,
        source=source,
        comments_count=commented if sees_comments else 0,
        transcript_snippet=passage_of(_shown(*texts)) if texts else opening,
        analysis=as_written(analysis),
        tags=as_written(tags),
        conversation_phases=as_written(phases),
        is_private=is_private,
        is_private_reason=reason,
        media_access_status=media[has_media],
        retention_group_id=group_id,
        retain_until=None if until is None else format_ms(until),
        legal_holds=as_written(holds),
        data_groups=as_written(groups),
        optional=as_written(optional),
        endpoints=as_written(participants),
    )


def media_access_status(viewer: Viewer, has_media: bool) -> str:
    """`Unavailable` without media, `Denied` without the right to play it, else `Permitted`."""
    if not has_media:
        return "Unavailable"
    return "Permitted" if viewer.may(Right.RECORDING_PLAY) else "Denied"


def _shown(message: str | None, segments: str | None = None) -> str:
    """What a passage is shown of: what was said or written."""
    return said(segments) or message or ""
