"""What a check of the ledger covers, and what it says of copies, kept checkpoints and work that goes on."""

import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import delete, func, select, update

from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.checking.strays import check_numbers
from earwitness.archive.ledger.checking.tables import COVERAGE
from earwitness.archive.ledger.ledger import Action, Entry
from earwitness.archive.schema.account import metadata
from earwitness.archive.schema.ledger import ledger_tiles
from earwitness.archive.schema.people import counters
from earwitness.archive.schema.recordings import recordings, tags
from earwitness.archive.schema.work import audit_headers, audit_rows
from earwitness.archive.upkeep.ledgers import ledger_beginning
from tests.archive.ledger.checking.guarded_firm import (
    Guarded,
    Row,
    copy_of,
    guarded,
    log_all,
    restore,
    verify,
)
from tests.cli.running import run, run_json
from tests.firm import CLIENT_ID, Firm
from tests.old_archives import old_firm

ACTION = Action("CLI", "earwitness test", "Look at recording", "operator:test", "")


@pytest.fixture
def known(firm: Firm) -> Guarded:
    return guarded(firm)


def fields(found: list[Row]) -> list[str]:
    return [one["field"] for one in found]


@contextmanager
def as_it_was(firm: Firm) -> Iterator[None]:
    """Afterwards the database is as it was before, as if an older copy was restored."""
    with firm.archive.read() as connection:
        rows = copy_of(connection)
    yield
    with firm.archive.write() as connection:
        restore(connection, rows)


def places(firm: Firm) -> list[Path]:
    """The folders in which the last checkpoint is kept apart from the database."""
    return [firm.settings.keys_folder / "ledger-heads", firm.settings.data / "ledger"]


def test_every_table_of_an_account_is_covered_or_says_why_not() -> None:
    assert COVERAGE.keys() == metadata.tables.keys()


def test_an_older_database_is_found_by_the_last_checkpoint_that_is_kept_apart(known: Guarded) -> None:
    with as_it_was(known.firm):
        known.firm.post("/admin/tag", {"tag": "Later"})
        log_all(known.firm)
    assert "last checkpoint" in fields(verify(known.firm))


def test_an_older_copy_of_everything_is_found_with_a_kept_checkpoint_alone(
    known: Guarded, tmp_path: Path
) -> None:
    for number, place in enumerate(places(known.firm)):
        shutil.copytree(place, tmp_path / f"copy-{number}")
    with as_it_was(known.firm):
        known.firm.post("/admin/tag", {"tag": "Later"})
        kept = tmp_path / "checkpoint"
        kept.write_text(log_all(known.firm))
    for number, place in enumerate(places(known.firm)):
        shutil.rmtree(place)
        shutil.copytree(tmp_path / f"copy-{number}", place)
    assert verify(known.firm, exit_code=0) == []
    (found,) = verify(known.firm, "--against", kept)
    assert (found["entityName"], "cut off" in found["difference"]) == ("Ledger", True)


def test_a_kept_checkpoint_of_the_same_log_holds(known: Guarded, tmp_path: Path) -> None:
    kept = tmp_path / "checkpoint"
    kept.write_text(log_all(known.firm))
    known.firm.post("/admin/tag", {"tag": "Later"})
    log_all(known.firm)
    assert verify(known.firm, "--against", kept, exit_code=0) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [("earwitness.invalid/", "elsewhere.example/", "another ledger"), ("\n\n", "\nmore\n\n", "three lines")],
)
def test_a_kept_checkpoint_that_is_not_of_this_ledger_is_said(
    known: Guarded, tmp_path: Path, old: str, new: str, said: str
) -> None:
    kept = tmp_path / "checkpoint"
    kept.write_text(log_all(known.firm).replace(old, new))
    (found,) = verify(known.firm, "--against", kept)
    assert said in found["difference"]


def test_a_kept_checkpoint_whose_signature_is_of_another_text_is_said(known: Guarded, tmp_path: Path) -> None:
    kept = tmp_path / "checkpoint"
    origin, size, *rest = log_all(known.firm).split("\n")
    kept.write_text("\n".join([origin, str(int(size) + 1), *rest]))
    (found,) = verify(known.firm, "--against", kept)
    assert "signature" in found["difference"]


def test_a_file_that_cannot_be_read_is_said(known: Guarded, tmp_path: Path) -> None:
    words = ("ledger", "verify", CLIENT_ID, "--against", tmp_path / "none")
    assert "No such file" in run_json(known.firm.settings, *words, exit_code=1)["error"]


def test_each_difference_is_a_sentence(known: Guarded) -> None:
    with known.firm.archive.write() as connection:
        connection.execute(update(tags).where(tags.c.tag == "Complaint").values(tag="Praise"))
        connection.execute(
            update(recordings).where(recordings.c.interaction_id == known.called).values(direction="Out")
        )
    result = run(known.firm.settings, "ledger", "verify", CLIENT_ID)
    assert result.exit_code == 1
    assert "Tag 1, tag: It was changed without any action." in result.stdout
    assert f"Recording {known.called} (thirdPartyId call-1), source:" in result.stdout
    assert "2 differences." in result.stdout


def test_what_is_not_in_the_log_yet_is_no_difference(known: Guarded) -> None:
    known.firm.post("/admin/tag", {"tag": "Later"})
    with known.firm.archive.write() as connection:
        order = ledger.add_header(connection, ACTION)
        ledger.begin_batches(connection, ACTION, order)
    found = run_json(known.firm.settings, "ledger", "verify", CLIENT_ID)
    assert (found["pending"], found["open"], found["differences"]) == (2, 1, [])


def test_the_beginning_of_an_older_archive_that_is_not_through_is_said(tmp_path: Path) -> None:
    with old_firm("0016-d0003", tmp_path, None) as firm:
        found = run_json(firm.settings, "ledger", "verify", CLIENT_ID)
        assert (found["isBeginning"], found["differences"]) == (True, [])
        ledger_beginning.go_on(firm.archive)
        found = run_json(firm.settings, "ledger", "verify", CLIENT_ID)
        assert (found["isBeginning"], found["differences"]) == (True, [])


def test_a_changed_row_of_a_large_action_is_named(known: Guarded) -> None:
    with known.firm.archive.write() as connection:
        ledger.append(connection, ACTION, [Entry(number, "Selection") for number in range(1, 601)])
    log_all(known.firm)
    with known.firm.archive.write() as connection:
        row = (audit_rows.c.entity_name == "Selection") & (audit_rows.c.entity_id == 400)
        connection.execute(update(audit_rows).where(row).values(response_code=404))
    found = [(one["entityName"], one["entityId"], one["field"]) for one in verify(known.firm)]
    assert found[0] == ("Selection", 400, "auditRow")


def test_a_changed_tile_of_a_large_action_is_named(known: Guarded) -> None:
    with known.firm.archive.write() as connection:
        ledger.append(connection, ACTION, [Entry(number, "Selection") for number in range(1, 601)])
    log_all(known.firm)
    with known.firm.archive.write() as connection:
        connection.execute(update(ledger_tiles).where(ledger_tiles.c.tree > 0).values(hashes=bytes(32 * 256)))
    (found,) = verify(known.firm)
    assert (found["entityName"], found["field"]) == ("Action", "tile/0/000")


@pytest.mark.parametrize(("level", "field"), [(0, "tile/0/000"), (1, "tile/1/000.p/1")])
def test_a_changed_tile_of_a_long_log_is_named(known: Guarded, level: int, field: str) -> None:
    with known.firm.archive.write() as connection:
        ledger.append_all(connection, [(ACTION, [Entry(1, "Selection")]) for _ in range(300)])
    log_all(known.firm)
    assert verify(known.firm, exit_code=0) == []
    with known.firm.archive.write() as connection:
        this = (ledger_tiles.c.tree == 0) & (ledger_tiles.c.level == level) & (ledger_tiles.c.number == 0)
        stored = connection.scalars(select(ledger_tiles.c.hashes).where(this)).one()
        connection.execute(update(ledger_tiles).where(this).values(hashes=bytes(32) + stored[32:]))
    found = verify(known.firm)
    assert any(one["field"] == "leaf" or one["field"] == field for one in found), fields(found)


def test_a_counter_of_ids_that_was_set_back_is_named(known: Guarded) -> None:
    with known.firm.archive.write() as connection:
        connection.execute(update(counters).where(counters.c.name == "interaction").values(value=1))
    with known.firm.archive.read() as connection:
        assert [one.field for one in check_numbers(connection, 0, 1).differences] == ["interaction"]


def test_a_recording_that_an_action_destroyed_is_no_difference(known: Guarded) -> None:
    with known.firm.archive.write() as connection:
        from earwitness.archive.ledger.changed import Changed
        from earwitness.archive.ledger.recording_parts import read_parts
        from earwitness.archive.ledger.tree.commitments import part_digest
        from earwitness.archive.schema.ledger import recording_digests
        from tests.archive.ledger.checking.guarded_firm import position_of

        position = position_of(connection, known.silent)
        salt = connection.scalars(
            select(recording_digests.c.salt).where(recording_digests.c.position == position)
        ).one()
        values = read_parts(connection, [position])[position]
        digests = {part: part_digest(salt, part, value) for part, value in values.items()}
        ledger.append(connection, ACTION, [Entry(known.silent, changed=Changed({}, digests, {}))])
        connection.execute(delete(recordings).where(recordings.c.position == position))
    assert verify(known.firm, exit_code=0) == []


def test_what_others_write_meanwhile_is_no_difference(known: Guarded) -> None:
    is_done = threading.Event()

    def write() -> None:
        number = 0
        while not is_done.is_set():
            number += 1
            made = known.firm.ingest(thirdPartyId=f"meanwhile-{number}", tags=[f"tag {number}"])
            known.firm.post("/client/recording/comment", {"recordingId": made, "comment": "Noted."})
            log_all(known.firm)

    with ThreadPoolExecutor(1) as threads:
        writing = threads.submit(write)
        try:
            for _ in range(4):
                assert verify(known.firm, exit_code=0) == []
        finally:
            is_done.set()
        writing.result()


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_what_an_older_archive_had_is_held_against_the_beginning_of_its_log(
    tmp_path: Path, postgres_url: str, database: str
) -> None:
    url = postgres_url if database == "postgresql" else None
    with old_firm("0016-d0003", tmp_path, url) as firm:
        while ledger_beginning.go_on(firm.archive):
            pass
        log_all(firm)
        assert verify(firm, exit_code=0) == []
        with firm.archive.write() as connection:
            header = connection.scalars(select(func.min(audit_rows.c.audit_header_id))).one()
            row = audit_rows.c.audit_header_id == header
            connection.execute(update(audit_rows).where(row).values(response_code=418))
        (found,) = verify(firm)
        assert (found["entityName"], found["entityId"]) == ("AuditLog", 1)
        with firm.archive.write() as connection:
            older = connection.execute(select(audit_headers).where(audit_headers.c.id == header)).one()
            forged = dict(older._mapping) | {"id": 5_000, "username": "mallory"}
            connection.execute(audit_headers.insert().values(forged))
        assert [one["entityId"] for one in verify(firm)] == [5_000, 1]
