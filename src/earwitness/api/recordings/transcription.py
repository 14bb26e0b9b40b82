"""Get transcription: POST /client/recording.transcription.get."""

from typing import Any

from msgspec import UNSET, UnsetType
from sqlalchemy import select

from earwitness.api.recordings.detail import InteractionIds
from earwitness.archive.access.visible_recordings import visible_rows
from earwitness.archive.schema.recordings import transcripts
from earwitness.kernel.rights import Right
from earwitness.kernel.wire import Wire
from earwitness.operations import operations
from earwitness.operations.audit_subjects import by_interaction_ids
from earwitness.operations.operations import Audit, Call


class TranscriptionRequest(InteractionIds):
    """The recordings asked for; `includeChannels` (ours) adds `channel` and `speaker` to segments."""

    include_channels: bool | None = None


class Segment(Wire):
    """What was said from `start` to `end`, in seconds; with `includeChannels`, also where and by whom."""

    text: str
    start: float
    end: float
    channel: int | UnsetType | None = UNSET
    speaker: str | UnsetType | None = UNSET


class Transcript(Wire):
    """What was said: segments of text, with their start and end in seconds."""

    language: str | None
    segments: list[Segment]


class Analysis(Wire):
    """What the transcription engine wrote."""

    transcript: Transcript


class Transcription(Wire):
    """A recording's transcript; `analysis` is null until there is one."""

    interaction_id: int
    analysis: Analysis | None


@operations.read(
    "/client/recording.transcription.get",
    right=Right.RECORDING_TRANSCRIPTION_VIEW,
    audit=Audit("Get transcription", by_interaction_ids),
)
def get_transcription(call: Call, body: TranscriptionRequest) -> list[Transcription]:
    """Get the transcripts of recordings, in the order asked."""
    rows = visible_rows(call.connection, call.viewer, body.interaction_ids)
    found = {
        row.position: row
        for row in call.connection.execute(
            select(transcripts).where(transcripts.c.position.in_([row.position for row in rows]))
        )
    }
    return [
        Transcription(
            interaction_id=row.interaction_id,
            analysis=_analysis(found.get(row.position), bool(body.include_channels)),
        )
        for row in rows
    ]


def _analysis(row: Any, with_channels: bool) -> Analysis | None:
    if row is None:
        return None
    segments = [_segment(segment, with_channels) for segment in row.segments]
    return Analysis(transcript=Transcript(language=row.language, segments=segments))


def _segment(kept: dict[str, Any], with_channels: bool) -> Segment:
    segment = Segment(text=kept["text"], start=kept["start"], end=kept["end"])
    if with_channels:
        segment.channel, segment.speaker = kept.get("channel"), kept.get("speaker")
    return segment
