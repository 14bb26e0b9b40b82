"""Checks that rows agree: every recording is found by its ids and its words, and has its media.

It reads a page of recordings at a time, each page in one snapshot. So an archive of any size is checked in
the same memory, while it is in use.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Text, cast, exists, func, literal, or_, select, text, values

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.database.in_list import among
from earwitness.archive.database.timeline import TIE_BITS
from earwitness.archive.integrity.findings import Broken, Damage, Finding, NotChecked, noticing
from earwitness.archive.schema.account import metadata
from earwitness.archive.schema.dialects import REGCLASS, TSVECTOR
from earwitness.archive.schema.people import counters
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.schema.vault import media_objects
from earwitness.archive.schema.work import jobs
from earwitness.archive.text.documents import Document
from earwitness.archive.text.index import fields_of, tsvectors_of
from earwitness.archive.text.indexes import NEWER, OLDER, index_of
from earwitness.kernel.clock import format_ms

_PAGE = 500
_MOST = 1000
_LAST = 2**63 - 1

_ROWS = select(
    recordings.c.position, recordings.c.interaction_id, recordings.c.third_party_id, recordings.c.status
)


def check_contents(archive: Archive) -> Iterator[Finding]:
    """Compare rows with rows, and the text index with the texts. Raises errors that are no damage."""
    with archive.read() as connection:
        is_whole = index_of(connection) is not OLDER
    if not is_whole:
        yield NotChecked("The text index was not checked: it is being rebuilt.")
    after = -1
    while after < _LAST:
        found: list[Finding] = []
        try:
            with noticing(), archive.read() as connection:
                page = connection.execute(_after(after)).all()
                until = page[-1].position if len(page) == _PAGE else _LAST
                found += _lost_ids(connection, page)
                if is_whole:
                    found += _wrong_words(connection, page, after, until)
        except Broken as broken:
            start = format_ms(max(after, 0) >> TIE_BITS)
            yield Damage("recordings", f"Those that start at {start} or later cannot be read: {broken}.")
            break
        yield from found
        after = until
    yield from _check_media(archive)
    yield from _check_counters(archive)


def _after(position: int) -> Any:
    return _ROWS.where(recordings.c.position > position).order_by(recordings.c.position).limit(_PAGE)


def _lost_ids(connection: Connection, page: Sequence[Any]) -> Iterator[Damage]:
    """The recordings of a page that an index does not find by one of their ids."""
    if connection.dialect.name == "postgresql":  # else it reads few rows without an index
        connection.execute(text("SET LOCAL enable_seqscan = off"))
    for column, name in (
        (recordings.c.interaction_id, "interactionId"),
        (recordings.c.third_party_id, "thirdPartyId"),
    ):
        found = _looked_up(connection, column, [row._mapping[column.name] for row in page])
        for row in page:
            if found.get(row._mapping[column.name]) != row.position:
                reason = f"It is not found by its {name}."
                yield Damage("recordings", reason, row.interaction_id, row.third_party_id)


def _looked_up(connection: Connection, column: Any, ids: Sequence[Any]) -> Mapping[Any, int]:
    """The positions that an index has for these ids. If it is partly unreadable, each id is asked alone."""
    asked = select(column, recordings.c.position)
    try:
        with noticing(), connection.begin_nested():
            return dict(connection.execute(asked.where(among(column, ids))).all())
    except Broken:
        found: dict[Any, int] = {}
    for one in ids:
        try:
            with noticing(), connection.begin_nested():
                found |= dict(connection.execute(asked.where(column == one)).all())
        except Broken:
            continue
    return found


def _wrong_words(connection: Connection, page: Sequence[Any], after: int, until: int) -> Iterator[Damage]:
    """The recordings whose text differs from the text index, and texts in it that have no recording."""
    documents = {
        at: Document.of(*texts) for at, texts in fields_of(connection, [row.position for row in page]).items()
    }
    reading = _of_fts5 if connection.dialect.name == "sqlite" else _of_tsvectors
    wrong, extra = reading(connection, documents, after, until)
    late = _to_be_indexed(connection, wrong)
    for row in page:
        if row.position in wrong and row.position not in late:
            reason = "The text index does not have its text."
            yield Damage("recording_text", reason, row.interaction_id, row.third_party_id)
    if extra:
        yield Damage("recording_text", f"{len(extra)} of its texts belong to no recording.")


Compared = tuple[set[int], set[int]]
"""The positions whose text differs or is missing, and those that have a text but no recording."""


def _of_fts5(connection: Connection, documents: Mapping[int, Document], after: int, until: int) -> Compared:
    table = NEWER.fts5
    rows = connection.execute(
        select(table.c.rowid, table.c.said, table.c.rest).where(table.c.rowid > after, table.c.rowid <= until)
    )
    kept = {row.rowid: (row.said, row.rest) for row in rows}
    wrong = {at for at, one in documents.items() if kept.get(at) != (one.said.whole, one.rest.whole)}
    return wrong, set(kept) - set(documents)


def _of_tsvectors(
    connection: Connection, documents: Mapping[int, Document], after: int, until: int
) -> Compared:
    table = NEWER.parts
    here = (table.c.position > after, table.c.position <= until)
    kept = select(table.c.position, table.c.part, cast(table.c.document, Text)).where(*here)
    is_there = {(row[0], row[1]): row[2] for row in connection.execute(kept)}
    literals = [
        (at, part, literal_)
        for at, one in documents.items()
        for part, literal_ in enumerate(tsvectors_of(one))
    ]
    written = _as_tsvectors(connection, [literal_ for _, _, literal_ in literals])
    due = {(at, part): one for (at, part, _), one in zip(literals, written, strict=True)}
    different = {
        at for at, part in due.keys() | is_there.keys() if due.get((at, part)) != is_there.get((at, part))
    }
    return different & set(documents), different - set(documents)


def _as_tsvectors(connection: Connection, literals: Sequence[str]) -> Sequence[str]:
    """Tsvectors as PostgreSQL writes them: sorted, and without duplicates."""
    if not literals:
        return []
    texts = values(Column("at", recordings.c.position.type), Column("text", Text), name="texts").data(
        list(enumerate(literals))
    )
    asked = select(cast(cast(texts.c.text, TSVECTOR), Text)).order_by(texts.c.at)
    return connection.scalars(asked).all()


def _to_be_indexed(connection: Connection, positions: set[int]) -> set[int]:
    """Those whose text has changed, and that a job will index again."""
    waits = (jobs.c.state.in_(("queued", "running")), or_(jobs.c.kind == "index", jobs.c.step == "index"))
    asked = select(jobs.c.position).where(*waits, among(jobs.c.position, sorted(positions)))
    return set(connection.scalars(asked)) if positions else set()


def _check_media(archive: Archive) -> Iterator[Finding]:
    """Recordings that lack the row of their media, and rows that belong to no recording."""
    original = exists().where(
        media_objects.c.position == recordings.c.position, media_objects.c.kind == "raw"
    )
    asked = select(recordings.c.interaction_id, recordings.c.third_party_id).where(
        recordings.c.has_media, ~original
    )
    try:
        with noticing(), archive.read() as connection:
            for ids in connection.execute(asked.limit(_MOST)):
                yield Damage("media_objects", "It has media, and no row tells where.", *ids)
            if connection.dialect.name == "sqlite":  # there, `check_sqlite` checks all references
                return
            for table in metadata.sorted_tables:
                if any(key.target_fullname == "recordings.position" for key in table.foreign_keys):
                    is_there = exists().where(recordings.c.position == table.c.position)
                    lost = select(func.count()).select_from(table).where(~is_there)
                    if count := connection.scalar(lost):
                        yield Damage(table.name, f"{count} of its rows belong to no recording.")
    except Broken as broken:
        yield Damage("media_objects", f"It cannot be compared with recordings: {broken}.")


def _check_counters(archive: Archive) -> Iterator[Finding]:
    """Counters that lie behind the ids in use: the next id would be taken already."""
    newest = select(func.max(recordings.c.interaction_id)).scalar_subquery()
    try:
        with noticing(), archive.read() as connection:
            asked = select(counters.c.value).where(
                counters.c.name == "interaction", counters.c.value >= newest
            )
            is_empty = connection.scalar(select(newest)) is None
            if not is_empty and connection.scalar(asked) is None:
                yield Damage("counters", "The newest interactionId is beyond the counter of ids.")
            for table in metadata.sorted_tables:
                if table.dialect_options["sqlite"]["autoincrement"] and _is_behind(connection, table):
                    yield Damage(table.name, "Its newest id is beyond its counter of ids.")
    except Broken as broken:
        yield Damage("counters", f"They cannot be read: {broken}.")


def _is_behind(connection: Connection, table: Any) -> bool:
    newest = connection.scalar(select(func.max(table.c.id))) or 0
    if connection.dialect.name == "sqlite":
        counted = "SELECT seq FROM sqlite_sequence WHERE name = ?"
        return (connection.exec_driver_sql(counted, (table.name,)).scalar() or 0) < newest
    schema = connection.get_execution_options()["schema_translate_map"][None]
    sequence = func.pg_get_serial_sequence(f'"{schema}"."{table.name}"', "id")
    last = func.coalesce(func.pg_sequence_last_value(cast(cast(sequence, Text), REGCLASS)), literal(0))
    return (connection.scalar(select(last)) or 0) < newest
