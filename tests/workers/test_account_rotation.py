"""Accounts take turns, idle ones cost nothing, and no job waits for ever without a mark."""

import json
from threading import Event

import pytest
from sqlalchemy import Connection, Engine, delete, event, select

from earwitness.archive.accounts.accounts import Accounts, Archive
from earwitness.archive.database.transactions import writing
from earwitness.archive.jobs import accounts_with_work, queue
from earwitness.archive.jobs.kinds import JobKind
from earwitness.archive.jobs.queue import LEASE_MS
from earwitness.archive.schema import directory
from earwitness.archive.schema.recordings import recordings
from earwitness.cli.operator import action
from earwitness.ingest.incoming_recording import receive
from earwitness.kernel.clock import now_ms
from earwitness.workers.account_rotation import AccountRotation
from earwitness.workers.job_runner import run_job
from earwitness.workers.loop import JobLoop
from tests.firm import CLIENT_ID, Firm, call, tone
from tests.waiting import until

OTHER = CLIENT_ID + 1


def never() -> bool:
    return False


def accounts_of(firm: Firm) -> Accounts:
    accounts: Accounts = firm.app.state.installation.accounts
    return accounts


def skip(monkeypatch: pytest.MonkeyPatch, ms: int) -> None:
    """Let the time pass, as jobs and their marks see it."""
    for module in (queue, accounts_with_work):
        monkeypatch.setattr(module, "now_ms", lambda: now_ms() + ms)


def taken(turns: AccountRotation, kind: JobKind = "process") -> int | None:
    """The client id of the account whose job is taken next."""
    found = turns.take(kind, never)
    return None if found is None else found[0].client_id


def another_firm(firm: Firm, client_id: int, count: int) -> None:
    """Another account, in which as many recordings wait."""
    accounts = accounts_of(firm)
    accounts.create(client_id, "Another firm")
    for number in range(count):
        with receive(accounts.open(client_id)) as reception:
            reception.write(tone(0.1))
            reception.accept(
                json.dumps(call(thirdPartyId=f"call-{number}")).encode(), action("test", "Ingest")
            )


def test_an_account_with_one_job_does_not_wait_for_one_with_many(firm: Firm) -> None:
    for number in range(5):
        firm.ingest(tone(0.1), thirdPartyId=f"call-{number}")
    another_firm(firm, OTHER, 2)
    turns = AccountRotation(accounts_of(firm), "worker")
    order = [taken(turns) for _ in range(8)]
    assert order == [CLIENT_ID, OTHER, CLIENT_ID, OTHER, CLIENT_ID, CLIENT_ID, CLIENT_ID, None]


def test_accounts_without_work_are_not_opened(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = accounts_of(firm)
    for client_id in range(OTHER, OTHER + 3):
        accounts.create(client_id, "An idle firm")
    firm.ingest(tone(0.1))
    opened = list[int]()
    really_open = Accounts.open

    def open_and_tell(self: Accounts, client_id: int) -> Archive:
        opened.append(client_id)
        return really_open(self, client_id)

    monkeypatch.setattr(Accounts, "open", open_and_tell)
    turns = AccountRotation(accounts, "worker")
    assert [taken(turns) for _ in range(3)] == [CLIENT_ID, None, None]
    assert set(opened) == {CLIENT_ID}


def test_slow_jobs_do_not_delay_quick_ones(firm: Firm) -> None:
    firm.ingest(tone(0.1))
    with firm.archive.write() as connection:
        position = connection.execute(select(recordings.c.position)).scalar_one()
        for _ in range(3):
            queue.add(connection, "transcribe", position)
    turns = AccountRotation(accounts_of(firm), "worker")
    assert taken(turns, "transcribe") == CLIENT_ID
    found = turns.take("process", never)
    assert found is not None
    assert found[1].kind == "process"
    assert taken(turns, "process") is None
    assert taken(turns, "transcribe") == CLIENT_ID


def test_a_job_is_found_although_a_crash_prevented_its_mark(firm: Firm) -> None:
    firm.ingest(tone(0.1))
    accounts = accounts_of(firm)
    with writing(accounts.directory) as connection:
        connection.execute(delete(directory.accounts_with_work))
    assert taken(AccountRotation(accounts, "worker")) is None
    loop = JobLoop(accounts, firm.settings)
    loop.start()
    until(lambda: firm.jobs() == {"done": 1}, "the job is done")
    loop.stop()


def test_a_failed_job_is_taken_again_when_it_is_due(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    firm.ingest(tone(0.1))
    turns = AccountRotation(accounts_of(firm), "worker")
    found = turns.take("process", never)
    assert found is not None
    with firm.archive.write() as connection:
        queue.fail(connection, found[1], "worker", "it went wrong")
    assert taken(turns) is None
    skip(monkeypatch, 10_000)
    assert taken(turns) == CLIENT_ID


def test_the_job_of_a_dead_worker_is_taken_when_its_lease_has_run_out(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    firm.ingest(tone(0.1))
    assert taken(AccountRotation(accounts_of(firm), "dead")) == CLIENT_ID
    living = AccountRotation(accounts_of(firm), "living")
    assert taken(living) is None
    skip(monkeypatch, LEASE_MS)
    assert taken(living) == CLIENT_ID


def test_a_job_that_kills_every_worker_is_dead_at_last(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    firm.ingest(tone(0.1))
    turns = AccountRotation(accounts_of(firm), "worker")
    for died in range(queue.MOST_ATTEMPTS):
        skip(monkeypatch, died * LEASE_MS)
        assert taken(turns) == CLIENT_ID
    skip(monkeypatch, queue.MOST_ATTEMPTS * LEASE_MS)
    assert taken(turns) is None
    with firm.archive.read() as connection:
        (row,) = queue.list_jobs(connection)
    assert row["state"] == "dead"
    assert row["log"][-1]["text"] == "Its worker died 7 times."  # type: ignore[index]


@pytest.mark.parametrize("minutes", [10, 365 * 24 * 60])
def test_a_clock_that_is_set_back_delays_no_job(
    firm: Firm, monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    skip(monkeypatch, minutes * 60_000)
    firm.ingest(tone(0.1), thirdPartyId="queued")
    firm.ingest(tone(0.1), thirdPartyId="running")
    assert taken(AccountRotation(accounts_of(firm), "a worker that is killed")) == CLIENT_ID
    skip(monkeypatch, 0)
    assert taken(AccountRotation(accounts_of(firm), "worker")) is None
    loop = JobLoop(accounts_of(firm), firm.settings)
    loop.start()
    until(lambda: firm.jobs() == {"done": 2}, "both are done")
    loop.stop()


def test_a_clock_that_is_set_forward_makes_no_job_count_twice(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    firm.ingest(tone(0.1))
    turns = AccountRotation(accounts_of(firm), "worker")
    first = turns.take("process", never)
    skip(monkeypatch, 365 * 24 * 3_600_000)
    second = turns.take("process", never)
    assert first is not None
    assert second is not None
    for archive, job in (second, first):
        run_job(archive, job, "worker", firm.settings, Event())
    assert firm.jobs() == {"done": 1}
    assert len(list(firm.archive.store.names())) == 2


def test_a_job_that_is_retried_by_hand_is_taken_at_once(firm: Firm) -> None:
    firm.ingest(tone(0.1))
    turns = AccountRotation(accounts_of(firm), "worker")
    found = turns.take("process", never)
    assert found is not None
    with firm.archive.write() as connection:
        queue.fail(connection, found[1], "worker", "it went wrong", for_good=True)
    assert taken(turns) is None
    with firm.archive.write() as connection:
        assert len(queue.retry(connection)) == 1
    assert taken(turns) == CLIENT_ID


def test_a_look_for_jobs_that_finds_none_begins_no_write(firm: Firm) -> None:
    firm.ingest(tone(0.1))
    turns = AccountRotation(accounts_of(firm), "worker")
    assert taken(turns) == CLIENT_ID
    accounts_with_work.mark(accounts_of(firm).directory, CLIENT_ID, {"process": 0})
    begun: list[bool] = []

    def note(connection: Connection) -> None:
        begun.append(connection.get_execution_options().get("writes", False))

    event.listen(Engine, "begin", note)
    found = [turns.take("process", never, keeps_marks=True) for _ in range(3)]
    event.remove(Engine, "begin", note)
    assert found == [None] * 3
    assert begun
    assert not any(begun)


def test_a_kept_mark_holds_up_no_other_account(firm: Firm) -> None:
    firm.ingest(tone(0.1))
    turns = AccountRotation(accounts_of(firm), "worker")
    assert taken(turns) == CLIENT_ID
    accounts_with_work.mark(accounts_of(firm).directory, CLIENT_ID, {"process": 0})
    another_firm(firm, OTHER, 2)
    found = [turns.take("process", never, keeps_marks=True) for _ in range(3)]
    assert [one and one[0].client_id for one in found] == [OTHER, OTHER, None]


def test_a_job_is_found_though_another_thread_took_one_of_its_account_meanwhile(firm: Firm) -> None:
    firm.ingest(tone(0.1))
    turns = AccountRotation(accounts_of(firm), "worker")
    assert taken(turns) == CLIENT_ID
    accounts_with_work.mark(accounts_of(firm).directory, CLIENT_ID, {"process": 0})
    another_firm(firm, OTHER, 3)
    assert taken(turns) == OTHER
    looks: list[int | None] = []

    def interrupted() -> bool:
        """Let another thread take a job after the account that has none was looked into."""
        looks.append(taken(turns) if len(looks) == 1 else None)
        return False

    found = turns.take("process", interrupted, keeps_marks=True)
    assert (looks[1], found and found[0].client_id) == (OTHER, OTHER)
