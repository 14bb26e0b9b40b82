"""The full-text index of recordings: what freeText looks in, kept in step with the rows it speaks of."""

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import Connection, Text, bindparam, cast, delete, insert, select
from sqlalchemy.dialects.postgresql import TSVECTOR

from earwitness.archive.among import POSITIONS, among, as_list
from earwitness.archive.common_words import with_pairs
from earwitness.archive.schema.people import endpoints, people
from earwitness.archive.schema.recordings import (
    recording_endpoints,
    recordings,
    transcripts,
)
from earwitness.archive.schema.text import recording_text_fts5, recording_text_parts
from earwitness.archive.tags import tags_of
from earwitness.archive.text import document_tokens
from earwitness.archive.text_parts import parts, tsvector_literal


def index_recordings(connection: Connection, positions: Sequence[int]) -> None:
    """Write the documents of recordings anew, from their rows as they are in this transaction."""
    texts = _fields(connection, positions).items()
    documents = [(position, with_pairs(document_tokens(fields))) for position, fields in texts]
    if connection.dialect.name == "sqlite":
        table = recording_text_fts5
        connection.execute(delete(table).where(among(table.c.rowid, positions)))
        rows = [{"rowid": position, "tokens": " ".join(tokens)} for position, tokens in documents]
        connection.execute(insert(table), rows)
        return
    pieces = recording_text_parts
    connection.execute(delete(pieces).where(among(pieces.c.position, positions)))
    pieces_of_all = [
        {"position": position, "part": number, "literal": tsvector_literal(part)}
        for position, tokens in documents
        for number, part in enumerate(parts(tokens))
    ]
    if pieces_of_all:  # what has no word has no part
        document = cast(bindparam("literal", type_=Text), TSVECTOR)
        connection.execute(insert(pieces).values(document=document), pieces_of_all)


_TEXTS = (
    select(
        recordings.c.position,
        cast(transcripts.c.segments, Text),
        recordings.c.message,
        recordings.c.third_party_id,
        recordings.c.source,
    )
    .outerjoin(transcripts, transcripts.c.position == recordings.c.position)
    .where(among(recordings.c.position, POSITIONS))
)
_PART = recording_endpoints.c
_PARTICIPANTS = (
    select(
        _PART.position,
        people.c.full_name,
        people.c.email,
        endpoints.c.endpoint,
        endpoints.c.normalised,
        _PART.user,
    )
    .select_from(recording_endpoints)
    .join(endpoints, endpoints.c.id == _PART.endpoint_id)
    .outerjoin(people, people.c.id == _PART.person_id)
    .where(among(_PART.position, POSITIONS))
    .order_by(_PART.position, _PART.ordinal)
)


def _fields(connection: Connection, positions: Sequence[int]) -> dict[int, list[str]]:
    """One text for each field that a phrase may lie in; a participant is one field."""
    these = {"positions": as_list(positions)}
    fields: dict[int, list[str]] = {}
    for position, segments, message, third_party_id, source in connection.execute(_TEXTS, these):
        fields[position] = [said(segments), message or "", third_party_id, source]
    for position, tagged in tags_of(connection, positions).items():
        fields[position] += tagged
    for position, *names in connection.execute(_PARTICIPANTS, these):
        fields[position].append(" ".join(dict.fromkeys(filter(None, names))))
    return fields


def spoken(texts: Iterable[str]) -> str:
    """The words of a transcript's segments, as one text: what is searched, and what passages are shown of."""
    return " ".join(text.strip() for text in texts)


class _Said(msgspec.Struct):
    """What is searched and shown of a segment: the rest of it is not even read."""

    text: str


_SAID = msgspec.json.Decoder(list[_Said])


def said(segments: str | None) -> str:
    """The same of a transcript's segments as they are kept, in JSON; nothing where there is none."""
    return spoken(segment.text for segment in _SAID.decode(segments)) if segments else ""
