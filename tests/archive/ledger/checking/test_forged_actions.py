"""Actions that are written into the tables by hand, to excuse a change, and never come into the log."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, delete, func, insert, select, update

from earwitness.archive.ledger import ledger, older_actions
from earwitness.archive.ledger.ledger import Action, Entry
from earwitness.archive.ledger.recording_digests import Watched
from earwitness.archive.schema.people import LOG_BEGINS, counters
from earwitness.archive.schema.recordings import legal_hold_recordings, tags
from earwitness.archive.schema.work import audit_headers, audit_rows
from earwitness.archive.upkeep.ledgers import ledger_beginning
from earwitness.kernel.clock import MS_PER_DAY, now_ms
from tests.archive.ledger.checking.guarded_firm import Guarded, guarded, log_all, position_of, verify
from tests.firm import Firm
from tests.old_archives import old_firm

FORGED = Action("CLI", "earwitness test", "Release", "operator:mallory", "")


@pytest.fixture
def known(firm: Firm) -> Guarded:
    return guarded(firm)


def release(connection: Connection, known: Guarded, header: int) -> None:
    """Take a recording out of its hold, as an action does that the header is of."""
    position = position_of(connection, known.held)
    watched = Watched(connection, [position], "holds")
    held = legal_hold_recordings.c.position == position
    assert connection.execute(delete(legal_hold_recordings).where(held)).rowcount
    ledger.append_under(connection, header, watched.entries(connection))


def forged_header(connection: Connection, **values: Any) -> int:
    row = {
        "method": "CLI",
        "route": "",
        "description": "Release",
        "username": "mallory",
        "inserted_at": now_ms(),
        "ip_address": "",
        "request_id": "",
        "is_pending": False,
        **values,
    }
    header: int = connection.scalars(insert(audit_headers).values(row).returning(audit_headers.c.id)).one()
    return header


def named(found: list[dict[str, Any]]) -> set[tuple[str, int | None, str]]:
    return {(one["entityName"], one["entityId"], one["field"]) for one in found}


def test_an_action_that_says_itself_that_it_is_older_than_the_log_is_named(known: Guarded) -> None:
    with known.firm.archive.write() as connection:
        header = forged_header(connection, salts=None)
        release(connection, known, header)
        last = connection.scalars(select(func.max(audit_rows.c.id))).one()
        stretch = older_actions.Stretch(header - 1, header, last)
        ledger.append_under(connection, header, [stretch.entry(connection)])
    assert ("Action", header, "action") in named(verify(known.firm))


@pytest.mark.parametrize("since_ms", [-400 * MS_PER_DAY, 3 * MS_PER_DAY], ids=["in the future", "days ago"])
def test_work_that_goes_on_for_ever_is_named(known: Guarded, since_ms: int) -> None:
    with known.firm.archive.write() as connection:
        order = ledger.add_header(connection, FORGED)
        header = ledger.begin_batches(connection, FORGED, order)
        this = audit_headers.c.id == header
        connection.execute(update(audit_headers).where(this).values(inserted_at=now_ms() - since_ms))
        release(connection, known, header)
    assert ("Action", header, "action") in named(verify(known.firm))


@pytest.mark.parametrize("order", [1, 900_000], ids=["an action that ordered nothing", "no action"])
def test_work_that_nobody_ordered_is_named(known: Guarded, order: int) -> None:
    with known.firm.archive.write() as connection:
        header = forged_header(connection, ordered_by_header_id=order, salts=bytes(48))
        release(connection, known, header)
    assert ("Action", header, "action") in named(verify(known.firm))


def test_a_log_that_began_with_its_account_begins_with_nothing_else(known: Guarded) -> None:
    with known.firm.archive.write() as connection:
        connection.execute(insert(counters).values(name=LOG_BEGINS, value=0))
        connection.execute(insert(tags).values(tag="Forged", tag_folded="forged"))
    known.firm.work()
    log_all(known.firm)
    assert ("Counter", None, LOG_BEGINS) in named(verify(known.firm))


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_row_that_is_added_to_the_audit_log_from_before_the_log_is_named(
    tmp_path: Path, postgres_url: str, database: str
) -> None:
    with old_firm("0016-d0003", tmp_path, postgres_url if database == "postgresql" else None) as firm:
        while ledger_beginning.go_on(firm.archive):
            pass
        log_all(firm)
        with firm.archive.write() as connection:
            connection.execute(update(tags).where(tags.c.id == 1).values(tag="Praise"))
            ledger.append_under(connection, 1, [Entry(1, "Tag")])
        assert ("Tag", 1, "auditRow") in named(verify(firm))


def test_what_was_ordered_before_there_was_a_log_comes_into_it(firm: Firm) -> None:
    recording = firm.ingest()
    with firm.archive.write() as connection:
        older = forged_header(connection, salts=None)
        ledger.append_under(connection, older, [Entry(recording)])
        ledger.end_batches(connection, older)
    [proven] = firm.post("/ledger/proof", {"auditHeaderId": older})
    assert len(proven["rows"]) == 1
