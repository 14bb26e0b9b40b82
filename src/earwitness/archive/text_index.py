"""The full-text index of recordings: what freeText looks in, kept in step with the rows it speaks of."""

from collections.abc import Iterable

from sqlalchemy import Connection, cast, delete, insert, select
from sqlalchemy.dialects.postgresql import TSVECTOR

from earwitness.archive.schema.people import endpoints, people
from earwitness.archive.schema.recordings import (
    recording_endpoints,
    recording_tags,
    recordings,
    tags,
    transcripts,
)
from earwitness.archive.schema.text import recording_text_fts5, recording_text_parts
from earwitness.archive.text import document_tokens
from earwitness.archive.text_queries import parts, tsvector_literal


def index_recording(connection: Connection, position: int) -> None:
    """Write the document of a recording anew, from its rows as they are in this transaction."""
    tokens = document_tokens(_fields(connection, position))
    if connection.dialect.name == "sqlite":
        table = recording_text_fts5
        connection.execute(delete(table).where(table.c.rowid == position))
        connection.execute(insert(table).values(rowid=position, tokens=" ".join(tokens)))
        return
    pieces = recording_text_parts
    connection.execute(delete(pieces).where(pieces.c.position == position))
    for number, part in enumerate(parts(tokens)):
        document = cast(tsvector_literal(part), TSVECTOR)
        connection.execute(insert(pieces).values(position=position, part=number, document=document))


def _fields(connection: Connection, position: int) -> list[str]:
    """One text for each field that a phrase may lie in; a participant is one field."""
    recording = connection.execute(
        select(recordings.c.message, recordings.c.third_party_id, recordings.c.source).where(
            recordings.c.position == position
        )
    ).one()
    segments = connection.scalar(select(transcripts.c.segments).where(transcripts.c.position == position))
    named = connection.scalars(
        select(tags.c.tag)
        .join(recording_tags, recording_tags.c.tag_id == tags.c.id)
        .where(recording_tags.c.position == position)
        .order_by(recording_tags.c.ordinal)
    )
    return [
        spoken(str(segment["text"]) for segment in segments or []),
        recording.message or "",
        recording.third_party_id,
        recording.source,
        *named,
        *_participants(connection, position),
    ]


def _participants(connection: Connection, position: int) -> list[str]:
    part = recording_endpoints.c
    rows = connection.execute(
        select(people.c.full_name, people.c.email, endpoints.c.endpoint, endpoints.c.normalised, part.user)
        .join(endpoints, endpoints.c.id == part.endpoint_id)
        .outerjoin(people, people.c.id == part.person_id)
        .select_from(recording_endpoints)
        .where(part.position == position)
        .order_by(part.ordinal)
    )
    return [" ".join(dict.fromkeys(text for text in row if text)) for row in rows]


def spoken(texts: Iterable[str]) -> str:
    """The words of a transcript's segments, as one text: what is searched, and what passages are shown of."""
    return " ".join(text.strip() for text in texts)
