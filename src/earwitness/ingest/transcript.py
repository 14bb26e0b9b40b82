"""A transcript that comes with a recording, or later."""

from collections.abc import Mapping

from sqlalchemy import Connection, delete, insert, update

from earwitness.archive.schema.recordings import recordings, transcripts
from earwitness.archive.snippets import snippet
from earwitness.archive.text_index import spoken
from earwitness.ingest.metadata import IngestTranscript


def add_transcript(
    connection: Connection, position: int, transcript: IngestTranscript, *, engine: str | None = None
) -> None:
    """Keep a transcript in place of any that was there. The caller writes the text index anew.

    `engine` names what made it; None is the source itself.
    """
    connection.execute(delete(transcripts).where(transcripts.c.position == position))
    add_transcripts(connection, {position: transcript}, engine=engine)
    connection.execute(
        update(recordings)
        .where(recordings.c.position == position)
        .values(transcript_snippet=opening(transcript))
    )


def add_transcripts(
    connection: Connection, by_position: Mapping[int, IngestTranscript], *, engine: str | None = None
) -> None:
    """Keep the transcripts of recordings that have none."""
    rows = [
        {
            "position": position,
            "language": transcript.language,
            "segments": transcript.segments,
            "engine": engine,
        }
        for position, transcript in by_position.items()
    ]
    if rows:
        connection.execute(insert(transcripts), rows)


def opening(transcript: IngestTranscript) -> str:
    """The first words, as lists show them."""
    return snippet(spoken(segment.text for segment in transcript.segments), None)
