"""Workers keep the log of each account up to date, whether anybody asks for it or not."""

import json
import threading
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from earwitness.archive.accounts.accounts import Accounts, Archive
from earwitness.archive.database.transactions import reading
from earwitness.archive.ledger import integrating, ledger
from earwitness.archive.ledger.ledger import Action, Entry
from earwitness.archive.ledger.tree.hashing import leaf_hash
from earwitness.archive.ledger.tree.verification import verify_inclusion
from earwitness.archive.schema.directory import accounts_with_work
from earwitness.archive.schema.ledger import ledger_leaves, ledger_tiles
from earwitness.archive.schema.work import audit_headers
from earwitness.archive.upkeep.ledgers import ledger_beginning
from earwitness.archive.upkeep.ledgers.ledger_log import bring_up_to_date
from earwitness.workers.loop import JobLoop
from tests.firm import CLIENT_ID, Firm
from tests.old_archives import old_firm
from tests.waiting import until

ACTION = Action("POST", "/client/recording/selection", "Change recordings", "ada", "192.0.2.1", user_id=1)


def is_pending(archive: Archive) -> bool:
    with archive.read() as connection:
        return integrating.is_pending(connection)


def accounts_of(firm: Firm) -> Accounts:
    accounts: Accounts = firm.app.state.installation.accounts
    return accounts


def test_a_worker_adds_what_was_done_to_the_log(firm: Firm) -> None:
    loop = JobLoop(accounts_of(firm), firm.settings)
    loop.start()
    try:
        for number in range(3):
            firm.post("/admin/tag", {"tag": str(number)})
            until(lambda: not is_pending(firm.archive), "the action is in the log")
    finally:
        loop.stop()


def test_work_that_is_due_takes_the_log_along(firm: Firm) -> None:
    firm.post("/admin/tag", {"tag": "first"})
    assert is_pending(firm.archive)
    firm.work()
    assert not is_pending(firm.archive)


def test_many_actions_in_a_second_are_one_mark(firm: Firm) -> None:
    firm.work()
    marks: list[int] = []
    for number in range(5):
        firm.post("/admin/tag", {"tag": str(number)})
        with reading(accounts_of(firm).directory) as connection:
            of_log = select(accounts_with_work.c.due_at).where(
                accounts_with_work.c.client_id == CLIENT_ID, accounts_with_work.c.kind == "ledger"
            )
            marks += connection.scalars(of_log).all()
    assert len(marks) == 5
    assert len(set(marks)) == 1


@pytest.fixture(params=["sqlite", "postgresql"])
def old(request: pytest.FixtureRequest, tmp_path: Path, postgres_url: str) -> Iterator[Firm]:
    with old_firm("0016-d0003", tmp_path, postgres_url if request.param == "postgresql" else None) as firm:
        yield firm


def test_the_log_of_an_older_archive_is_begun_by_workers(old: Firm) -> None:
    with old.archive.read() as connection:
        [listed] = ledger_beginning.listed(connection)
        assert (listed["kind"], listed["state"]) == ("ledger", "queued")
    old.work()
    assert not is_pending(old.archive)
    with old.archive.read() as connection:
        assert not ledger_beginning.is_left(connection)
        assert ledger_beginning.listed(connection) == []


def test_threads_that_ask_at_once_add_everything_once(firm: Firm) -> None:
    for number in range(20):
        firm.post("/admin/tag", {"tag": str(number)})
    failed: list[Exception] = []

    def add() -> None:
        try:
            bring_up_to_date(firm.archive, accounts_of(firm))
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    with firm.archive.read() as connection:
        headers = connection.scalar(select(func.count()).select_from(audit_headers))
        assert connection.scalar(select(func.count()).select_from(ledger_leaves)) == headers


def test_an_action_with_very_many_rows_is_proven_too(firm: Firm) -> None:
    """The hashes of its rows are written before its leaf, in turns."""
    recording = firm.ingest()
    with firm.archive.write() as connection:
        order = ledger.add_header(connection, ACTION)
        batches = ledger.begin_batches(connection, ACTION, order)
    rows = 30_000
    for start in range(0, rows, 10_000):
        with firm.archive.write() as connection:
            ledger.append_under(connection, batches, [Entry(10 + start + one) for one in range(10_000)])
    with firm.archive.write() as connection:
        ledger.append_under(connection, batches, [Entry(recording)])
        ledger.end_batches(connection, batches)
    firm.work()
    with firm.archive.read() as connection:
        of_rows = select(func.count()).select_from(ledger_tiles).where(ledger_tiles.c.tree == batches)
        assert connection.scalar(of_rows) == 118 + 1
    proven = firm.post("/ledger/proof", {"recordingId": recording})
    [last] = [one for one in proven if one["auditHeaderId"] == batches]
    leaf = json.loads(b64decode(last["leaf"]))
    assert leaf["rows"] == rows + 1
    [row] = last["rows"]
    path = [bytes.fromhex(one) for one in row["proof"]]
    root = bytes.fromhex(leaf["rowsRoot"])
    verify_inclusion(leaf_hash(b64decode(row["row"])), row["index"], leaf["rows"], path, root)
