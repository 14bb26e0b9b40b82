"""A transcript that comes with a recording, or later."""

from collections.abc import Mapping

import msgspec
from sqlalchemy import Connection, delete, update

from earwitness.archive.database.bulk_insert import insert_many
from earwitness.archive.schema.recordings import recordings, transcripts
from earwitness.archive.text.index import spoken
from earwitness.archive.text.snippets import snippet
from earwitness.ingest.metadata import IngestTranscript


class KeptTranscript(msgspec.Struct, frozen=True):
    """A transcript as it is stored: its segments in JSON, and its opening words, which lists show."""

    language: str | None
    segments: bytes
    opening: str


def keep(transcript: IngestTranscript, said: str) -> KeptTranscript:
    """Make a transcript ready for the database; `said` is its text by `said_in`."""
    return KeptTranscript(
        language=transcript.language,
        segments=msgspec.json.encode(transcript.segments),
        opening=snippet(said, None),
    )


def said_in(transcript: IngestTranscript) -> str:
    """What was said, as one text."""
    return spoken(segment.text for segment in transcript.segments)


def add_transcript(
    connection: Connection, position: int, transcript: IngestTranscript, *, engine: str | None = None
) -> None:
    """Store a transcript in place of any earlier one. The caller updates the text index.

    `engine` names the engine that made it; None means the source.
    """
    kept = keep(transcript, said_in(transcript))
    connection.execute(delete(transcripts).where(transcripts.c.position == position))
    add_transcripts(connection, {position: kept}, engine=engine)
    connection.execute(
        update(recordings).where(recordings.c.position == position).values(transcript_snippet=kept.opening)
    )


def add_transcripts(
    connection: Connection, by_position: Mapping[int, KeptTranscript], *, engine: str | None = None
) -> None:
    """Store the transcripts of recordings that have none."""
    rows = [
        {
            "position": position,
            "language": transcript.language,
            "segments": msgspec.Raw(transcript.segments),
            "engine": engine,
        }
        for position, transcript in by_position.items()
    ]
    insert_many(connection, transcripts, rows)
