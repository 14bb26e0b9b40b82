"""Writing the text index, which freeText searches, from the rows of recordings."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
from sqlalchemy import Connection, Text, cast, delete, select

from earwitness.archive.database.bulk_insert import insert_many, write_waiting
from earwitness.archive.database.in_list import POSITIONS, among, as_list
from earwitness.archive.recordings.tags import tags_of
from earwitness.archive.schema.people import endpoints, people
from earwitness.archive.schema.recordings import (
    recording_endpoints,
    recordings,
    transcripts,
)
from earwitness.archive.text.documents import Document, FieldTokens, participant
from earwitness.archive.text.indexes import NEWER, OLDER, TextIndex, index_of
from earwitness.archive.text.postgresql import tsvectors


def index_recordings(connection: Connection, positions: Sequence[int]) -> None:
    """Write the documents of recordings again, from their rows in this transaction."""
    fields = fields_of(connection, positions)
    write_documents(connection, {one: Document.of(*texts) for one, texts in fields.items()})


def write_documents(
    connection: Connection, documents: Mapping[int, Document], *, are_new: bool = False
) -> None:
    """Write documents, which replace those that are there. On PostgreSQL new recordings have none.

    While the older index answers, the recordings are read and written for that one too.
    """
    if not are_new and connection.dialect.name != "sqlite":  # FTS5 replaces a row itself
        remove(connection, NEWER, list(documents))
    add(connection, documents)
    if index_of(connection) is OLDER:
        _write_older(connection, list(documents))


def add(connection: Connection, documents: Mapping[int, Document]) -> None:
    """Add the documents of recordings to the newest index. On PostgreSQL they must have none there."""
    # In order: FTS5 begins a new segment at each row that lies before the last one.
    ordered = sorted(documents.items())
    if connection.dialect.name == "sqlite":
        rows = [{"rowid": at, "said": one.said.whole, "rest": one.rest.whole} for at, one in ordered]
        insert_many(connection, NEWER.fts5, rows, replacing=True)
        return
    _add_parts(connection, NEWER, ((at, one.said.whole, one.rest.whole) for at, one in ordered))


def tsvectors_of(document: Document) -> Iterator[str]:
    """The texts of a document's parts, as PostgreSQL is given them for the newest index."""
    return tsvectors(_apart(document.said.whole), _apart(document.rest.whole))


def remove(connection: Connection, index: TextIndex, positions: Sequence[int]) -> None:
    """Remove the documents of recordings from an index."""
    if connection.dialect.name == "sqlite":
        connection.execute(delete(index.fts5).where(among(index.fts5.c.rowid, positions)))
    else:
        connection.execute(delete(index.parts).where(among(index.parts.c.position, positions)))


def _write_older(connection: Connection, positions: Sequence[int]) -> None:
    """Write documents for the older index, which has all words in one column."""
    write_waiting(connection)
    fields = fields_of(connection, positions)
    ordered = [
        (at, FieldTokens.of(*texts, reading=OLDER.reading).whole) for at, texts in sorted(fields.items())
    ]
    remove(connection, OLDER, positions)
    if connection.dialect.name == "sqlite":
        insert_many(connection, OLDER.fts5, [{"rowid": at, "tokens": tokens} for at, tokens in ordered])
        return
    _add_parts(connection, OLDER, ((at, "", tokens) for at, tokens in ordered))


def _add_parts(connection: Connection, index: TextIndex, texts: Iterable[tuple[int, str, str]]) -> None:
    rows = [
        {"position": position, "part": number, "document": literal}
        for position, said, rest in texts
        for number, literal in enumerate(tsvectors(_apart(said), _apart(rest)))
    ]
    insert_many(connection, index.parts, rows)  # a document without words has no parts


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
    """What was said in the recordings that have a transcript."""
    rows = connection.execute(_SEGMENTS, {"positions": as_list(positions)})
    return {position: said(segments) for position, segments in rows}


def fields_of(connection: Connection, positions: Sequence[int]) -> dict[int, list[str]]:
    """The fields of each recording: first what was said, then the rest. A participant is one field."""
    parameters = {"positions": as_list(positions)}
    transcribed = _said_in(connection, positions)
    fields: dict[int, list[str]] = {}
    for position, message, third_party_id, source in connection.execute(_TEXTS, parameters).all():
        fields[position] = [transcribed.get(position, ""), message or "", third_party_id, source]
    for position, tagged in tags_of(connection, positions).items():
        fields[position] += tagged
    for position, *names in connection.execute(_PARTICIPANTS, parameters).all():
        fields[position].append(participant(*names))
    return fields


def spoken(texts: Iterable[str]) -> str:
    """The texts of a transcript's segments as one text, which is searched and shown in passages."""
    return " ".join([text.strip() for text in texts])


class _Said(msgspec.Struct):
    """A segment, of which only the text is decoded."""

    text: str


_SAID = msgspec.json.Decoder(list[_Said])


def said(segments: str | None) -> str:
    """The same for the JSON of segments that is stored; an empty text where there is no transcript."""
    return spoken([segment.text for segment in _SAID.decode(segments)]) if segments else ""
