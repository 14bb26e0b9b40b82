"""The full-text index of recordings: what freeText looks in, kept in step with the rows it speaks of."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
from sqlalchemy import Connection, Text, bindparam, cast, delete, insert, select
from sqlalchemy.dialects.postgresql import TSVECTOR

from earwitness.archive.database.bulk_insert import insert_many
from earwitness.archive.database.in_list import POSITIONS, among, as_list
from earwitness.archive.recordings.tags import tags_of
from earwitness.archive.schema.people import endpoints, people
from earwitness.archive.schema.recordings import (
    recording_endpoints,
    recordings,
    transcripts,
)
from earwitness.archive.text.documents import Document, Words, participant
from earwitness.archive.text.indexes import NEWER, OLDER, TextIndex, index_of
from earwitness.archive.text.postgresql import tsvectors


def index_recordings(connection: Connection, positions: Sequence[int]) -> None:
    """Write the documents of recordings anew, from their rows as they are in this transaction."""
    fields = fields_of(connection, positions)
    write_documents(connection, {one: Document.of(*texts) for one, texts in fields.items()})


def write_documents(connection: Connection, documents: Mapping[int, Document]) -> None:
    """Write the documents of recordings, in place of any there are, of words that were read already.

    While an older index answers, they are read and written for that one, too.
    """
    remove(connection, NEWER, list(documents))
    add(connection, documents)
    if index_of(connection) is OLDER:
        _write_older(connection, list(documents))


def add(connection: Connection, documents: Mapping[int, Document]) -> None:
    """Write the documents of recordings that have none in the newest index."""
    # In order, or FTS5 would write a segment wherever one lies before the last.
    ordered = sorted(documents.items())
    if connection.dialect.name == "sqlite":
        rows = [{"rowid": at, "said": one.said.whole, "rest": one.rest.whole} for at, one in ordered]
        insert_many(connection, NEWER.fts5, rows)
        return
    _add_parts(connection, NEWER, ((at, one.said.whole, one.rest.whole) for at, one in ordered))


def tsvectors_of(document: Document) -> Iterator[str]:
    """A document as PostgreSQL is given it in the newest index: the texts of its parts."""
    return tsvectors(_apart(document.said.whole), _apart(document.rest.whole))


def remove(connection: Connection, index: TextIndex, positions: Sequence[int]) -> None:
    """Take the documents of recordings out of an index."""
    if connection.dialect.name == "sqlite":
        connection.execute(delete(index.fts5).where(among(index.fts5.c.rowid, positions)))
    else:
        connection.execute(delete(index.parts).where(among(index.parts.c.position, positions)))


def _write_older(connection: Connection, positions: Sequence[int]) -> None:
    """Write documents as the older index has them: all of it as one."""
    fields = fields_of(connection, positions)
    ordered = [(at, Words.of(*texts, reading=OLDER.reading).whole) for at, texts in sorted(fields.items())]
    remove(connection, OLDER, positions)
    if connection.dialect.name == "sqlite":
        insert_many(connection, OLDER.fts5, [{"rowid": at, "tokens": tokens} for at, tokens in ordered])
        return
    _add_parts(connection, OLDER, ((at, "", tokens) for at, tokens in ordered))


def _add_parts(connection: Connection, index: TextIndex, texts: Iterable[tuple[int, str, str]]) -> None:
    rows = [
        {"position": position, "part": number, "literal": literal}
        for position, said, rest in texts
        for number, literal in enumerate(tsvectors(_apart(said), _apart(rest)))
    ]
    if rows:  # what has no word has no part
        document = cast(bindparam("literal", type_=Text), TSVECTOR)
        connection.execute(insert(index.parts).values(document=document), rows)


def _apart(tokens: str) -> Sequence[str]:
    return tokens.split(" ") if tokens else ()


_SEGMENTS = select(transcripts.c.position, cast(transcripts.c.segments, Text)).where(
    among(transcripts.c.position, POSITIONS)
)
_TEXTS = select(
    recordings.c.position, recordings.c.message, recordings.c.third_party_id, recordings.c.source
).where(among(recordings.c.position, POSITIONS))
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


def _said_in(connection: Connection, positions: Sequence[int]) -> dict[int, str]:
    """What was said in those recordings that have a transcript."""
    rows = connection.execute(_SEGMENTS, {"positions": as_list(positions)})
    return {position: said(segments) for position, segments in rows}


def fields_of(connection: Connection, positions: Sequence[int]) -> dict[int, list[str]]:
    """One text for each field that a phrase may lie in: what was said first; a participant is one field."""
    these = {"positions": as_list(positions)}
    heard = _said_in(connection, positions)
    fields: dict[int, list[str]] = {}
    for position, message, third_party_id, source in connection.execute(_TEXTS, these).all():
        fields[position] = [heard.get(position, ""), message or "", third_party_id, source]
    for position, tagged in tags_of(connection, positions).items():
        fields[position] += tagged
    for position, *names in connection.execute(_PARTICIPANTS, these).all():
        fields[position].append(participant(*names))
    return fields


def spoken(texts: Iterable[str]) -> str:
    """The words of a transcript's segments, as one text: what is searched, and what passages are shown of."""
    return " ".join([text.strip() for text in texts])


class _Said(msgspec.Struct):
    """What is searched and shown of a segment: the rest of it is not even read."""

    text: str


_SAID = msgspec.json.Decoder(list[_Said])


def said(segments: str | None) -> str:
    """The same of a transcript's segments as they are kept, in JSON; nothing where there is none."""
    return spoken([segment.text for segment in _SAID.decode(segments)]) if segments else ""
