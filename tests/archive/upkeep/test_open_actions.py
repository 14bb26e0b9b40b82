"""What a command did in turns is in the log, also if it was killed between two of them."""

from typing import Any

import pytest
from sqlalchemy import select, update

from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.ledger import Action, Entry
from earwitness.archive.recordings import collections
from earwitness.archive.schema.ledger import ledger_leaves
from earwitness.archive.schema.work import audit_headers, audit_rows
from earwitness.archive.selections import selected
from earwitness.archive.upkeep.ledgers import open_actions
from earwitness.cli.upkeep.turns import OneAction
from earwitness.kernel.clock import MS_PER_DAY
from tests.firm import Firm


def turn(firm: Firm, done: OneAction) -> int:
    """A turn of a command that writes a row about the recording 1. Returns the header."""
    with firm.archive.write() as connection:
        header = done.header(connection)
        ledger.append_under(connection, header, [Entry(1)])
    return header


def a_day_later(firm: Firm) -> None:
    with firm.archive.write() as connection:
        at = audit_headers.c.inserted_at
        connection.execute(update(audit_headers).values(inserted_at=at - MS_PER_DAY))


def logged_rows(firm: Firm, header: int) -> int | None:
    """How many rows the log has of an action; None if it does not have the action."""
    firm.work()
    with firm.archive.read() as connection:
        leaf = select(ledger_leaves.c.leaf).where(ledger_leaves.c.audit_header_id == header)
        if connection.scalar(leaf) is None:
            return None
        return len(
            connection.scalars(select(audit_rows.c.id).where(audit_rows.c.audit_header_id == header)).all()
        )


def command() -> OneAction:
    return OneAction(Action("CLI", "earwitness test", "Test", "operator:jane", ""))


def test_what_a_killed_command_did_is_in_the_log_a_day_later(firm: Firm) -> None:
    firm.ingest()
    done = command()
    header = turn(firm, done)
    assert turn(firm, done) == header
    assert logged_rows(firm, header) is None
    a_day_later(firm)
    assert logged_rows(firm, header) == 2


def test_a_command_that_was_only_halted_goes_on_under_another_header(firm: Firm) -> None:
    firm.ingest()
    done = command()
    first = turn(firm, done)
    a_day_later(firm)
    assert logged_rows(firm, first) == 1
    second = turn(firm, done)
    done.end(firm.archive)
    assert second != first
    assert (logged_rows(firm, first), logged_rows(firm, second)) == (1, 1)


def test_what_ended_stays_as_it_is(firm: Firm) -> None:
    firm.ingest()
    done = command()
    header = turn(firm, done)
    done.end(firm.archive)
    assert logged_rows(firm, header) == 1
    done.end(firm.archive)
    a_day_later(firm)
    assert open_actions.end_dead(firm.archive) == 0
    assert logged_rows(firm, header) == 1


def test_an_action_that_a_job_goes_on_with_is_not_ended(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selected, "CHANGED_AT_ONCE", 0)
    monkeypatch.setattr(collections, "CHANGED_AT_ONCE", 0)
    firm.ingest()
    hold: Any = firm.post("/admin/legalHold", {"name": "H"})["id"]
    firm.post("/client/recording/selection", {"filters": {}, "legalHoldId": hold})
    a_day_later(firm)
    assert open_actions.end_dead(firm.archive) == 0
