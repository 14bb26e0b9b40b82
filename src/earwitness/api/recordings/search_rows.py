"""The rows of a search: each field of `Recording` says which column it shows, and how.

To add a column to search, add its field here.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias, get_type_hints

from msgspec import Raw, field
from sqlalchemy import ColumnElement, Connection, Text, cast, func, select

from earwitness.archive.access.viewer import Viewer
from earwitness.archive.database.engines import KEEPS_ITS_PLAN
from earwitness.archive.database.in_list import POSITIONS, among, as_list
from earwitness.archive.database.json_columns import as_written
from earwitness.archive.database.time_limits import check_time
from earwitness.archive.jobs.account_jobs import PENDING
from earwitness.archive.recordings.legal_holds import LEGAL_HOLDS, LegalHold, with_others
from earwitness.archive.recordings.participants import PARTICIPANTS, Participant
from earwitness.archive.recordings.retention_changes import pending_retention
from earwitness.archive.recordings.tags import TAGS
from earwitness.archive.schema.recordings import comments, recordings, transcripts
from earwitness.archive.selections.pending import holds_to_come
from earwitness.archive.spelling.tokens import NEWEST, Reading
from earwitness.archive.text.index import said
from earwitness.archive.text.query import Node
from earwitness.archive.text.snippets import snippet
from earwitness.kernel.clock import format_ms
from earwitness.kernel.rights import Right
from earwitness.kernel.wire import MomentText, Wire

Read: TypeAlias = Callable[[Any], Any]


@dataclass(frozen=True, slots=True, eq=False)
class ShownColumn:
    """What a field shows: an expression over a row of `recordings`, and how its value is read."""

    expression: ColumnElement[Any]
    read: Read | None = None
    """Makes the field's value of the database's; None where they are the same."""
    read_for: Callable[[Viewer], Read] | None = None
    """The same where it depends on the viewer."""


def _json(column: ColumnElement[Any]) -> ShownColumn:
    """JSON that the database has or makes, sent as it is."""
    return ShownColumn(column, Raw)


def _seconds(milliseconds: int) -> float:
    return milliseconds / 1000


def _end(retain_until: int | None) -> str | None:
    return None if retain_until is None else format_ms(retain_until)


def _count_for(viewer: Viewer) -> Read:
    return int if viewer.may(Right.RECORDING_COMMENT_VIEW) else lambda _count: 0


def _media_access_for(viewer: Viewer) -> Read:
    """`Unavailable` without media, `Denied` without the right to play it, else `Permitted`."""
    of_media = "Permitted" if viewer.may(Right.RECORDING_PLAY) else "Denied"
    return lambda has_media: of_media if has_media else "Unavailable"


_COMMENTS_COUNT = (
    select(func.count())
    .where(comments.c.position == recordings.c.position, comments.c.withdrawn_at.is_(None))
    .scalar_subquery()
)


class Recording(Wire, kw_only=False):  # made of a row by position, which takes a fifth of the time
    """One communication, as search shows it."""

    interaction_id: Annotated[int, ShownColumn(recordings.c.interaction_id)]
    third_party_id: Annotated[str, ShownColumn(recordings.c.third_party_id)]
    start_datetime_utc: Annotated[MomentText, ShownColumn(recordings.c.started_at, format_ms)] = field(
        name="startDatetimeUTC"
    )
    end_datetime_utc: Annotated[MomentText, ShownColumn(recordings.c.ended_at, format_ms)] = field(
        name="endDatetimeUTC"
    )
    duration_in_seconds: Annotated[float, ShownColumn(recordings.c.duration_ms, _seconds)]
    type: Annotated[str, ShownColumn(recordings.c.type)]
    source: Annotated[str, ShownColumn(recordings.c.source)]
    comments_count: Annotated[int, ShownColumn(_COMMENTS_COUNT, read_for=_count_for)]
    transcript_snippet: Annotated[str, ShownColumn(recordings.c.transcript_snippet)]
    analysis: Annotated[list[str], _json(cast(recordings.c.analysis, Text))]
    tags: Annotated[list[str], _json(TAGS)]
    conversation_phases: Annotated[list[str], _json(cast(recordings.c.conversation_phases, Text))]
    is_private: Annotated[bool, ShownColumn(recordings.c.is_private)]
    is_private_reason: Annotated[str, ShownColumn(recordings.c.is_private_reason)]
    media_access_status: Annotated[str, ShownColumn(recordings.c.has_media, read_for=_media_access_for)]
    retention_group_id: Annotated[int | None, ShownColumn(recordings.c.retention_group_id)]
    retain_until: Annotated[MomentText | None, ShownColumn(recordings.c.retain_until, _end)]
    legal_holds: Annotated[list[LegalHold], _json(LEGAL_HOLDS)]
    data_groups: Annotated[dict[str, str], _json(cast(recordings.c.data_groups, Text))]
    optional: Annotated[dict[str, Any], _json(cast(recordings.c.optional, Text))]
    endpoints: Annotated[list[Participant], _json(PARTICIPANTS)]


def _column_of(name: str, hint: Any) -> ShownColumn:
    for part in getattr(hint, "__metadata__", ()):
        if isinstance(part, ShownColumn):
            return part
    raise TypeError(f"the field {name} of Recording names no column")


_COLUMNS = [_column_of(*one) for one in get_type_hints(Recording, include_extras=True).items()]

# Built once: building a statement costs more than running it over a page.
_ROWS = (
    select(recordings.c.position, PENDING, *(column.expression for column in _COLUMNS))
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
    query: Node | None,
    reading: Reading = NEWEST,
) -> list[Recording]:
    """The recordings at these positions, in their order, each with the passage in which a query is found."""
    if not positions:
        return []
    if viewer.may(Right.RECORDING_TRANSCRIPTION_VIEW):
        statement = _ROWS_AND_TEXTS if query else _ROWS
    else:
        statement = _ROWS_AND_MESSAGES  # neither a transcript nor its opening is shown
    rows = connection.execute(statement, {"positions": as_list(positions)}).all()
    found: dict[int, Recording] = {}
    for row, recording in zip(rows, _recordings(rows, viewer), strict=True):
        if statement is not _ROWS:
            if query:
                check_time(connection)  # a passage is looked for in all that was said
            texts = row[2 + len(_COLUMNS) :]
            recording.transcript_snippet = snippet(_text_of(*texts), query, reading=reading)
        found[row[0]] = recording
    if rows and rows[0][1] is not None:
        _show_pending(connection, found)
    return [found[position] for position in positions]


def _show_pending(connection: Connection, found: Mapping[int, Recording]) -> None:
    """Show what a job of the account has not written yet as it will be."""
    for position, (group_id, retain_until) in pending_retention(connection, list(found)).items():
        found[position].retention_group_id = group_id
        found[position].retain_until = _end(retain_until)
    for position, holds in holds_to_come(connection, list(found)).items():
        shown: Any = found[position].legal_holds
        found[position].legal_holds = as_written(with_others(shown, holds))


def _recordings(rows: Sequence[Sequence[Any]], viewer: Viewer) -> Iterator[Recording]:
    """The recordings of rows, which are read column by column: that is quicker than row by row."""
    _, _, *columns = zip(*rows, strict=True)
    values = [
        shown if read is None else map(read, shown)
        for column, shown in zip(_COLUMNS, columns, strict=False)
        for read in [column.read_for(viewer) if column.read_for else column.read]
    ]
    return map(Recording, *values)


def _text_of(message: str | None, segments: str | None = None) -> str:
    """What a passage is shown of: what was said, else what was written."""
    return said(segments) or message or ""
