"""A transcript that comes with a recording, or later."""

import msgspec
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
    segments = msgspec.to_builtins(transcript.segments)
    connection.execute(delete(transcripts).where(transcripts.c.position == position))
    connection.execute(
        insert(transcripts).values(
            position=position, language=transcript.language, segments=segments, engine=engine
        )
    )
    connection.execute(
        update(recordings)
        .where(recordings.c.position == position)
        .values(transcript_snippet=snippet(spoken(segment.text for segment in transcript.segments), None))
    )
