"""The job loop goes on after errors of a job, an account or a connection."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, event, select
from sqlalchemy.exc import OperationalError

from earwitness.archive.accounts.accounts import Accounts, Archive
from earwitness.archive.jobs import queue
from earwitness.archive.jobs.kinds import JOB_KINDS, JobKind
from earwitness.archive.jobs.queue import Job
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.upkeep import account_work
from earwitness.archive.upkeep.account_work import Pace
from earwitness.ingest.steps.run import run_steps
from earwitness.kernel.errors import StorageFull
from earwitness.media.keys.key_ring import KeysMissing
from earwitness.media.stores.incoming import Incoming, UploadMarker
from earwitness.workers.account_rotation import AccountRotation
from earwitness.workers.loop import JobLoop
from tests.firm import CLIENT_ID, Firm, tone
from tests.many_recordings import add_people, add_recordings
from tests.waiting import until


@pytest.fixture
def loop(firm: Firm) -> Iterator[JobLoop]:
    """A loop that the test starts."""
    installation = firm.app.state.installation
    loop = JobLoop(installation.accounts, firm.settings, installation.work, postponed_ms=50)
    yield loop
    loop.stop()


def test_recordings_that_arrive_while_the_loop_runs_are_processed(firm: Firm, loop: JobLoop) -> None:
    loop.start()
    for number in range(3):
        firm.ingest(tone(0.2), thirdPartyId=f"call-{number}")
    until(lambda: firm.jobs() == {"done": 3}, "three jobs are done")


def test_the_loop_goes_on_after_an_outage_of_the_database(
    firm: Firm, loop: JobLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    firm.ingest(tone(0.2))
    failures = iter(range(firm.settings.process_jobs + 1))
    lease = queue.lease

    def lease_at_last(connection: Connection, *rest: Any) -> Job | None:
        if next(failures, None) is not None:
            raise OperationalError("lease", {}, Exception("the database is restarting"))
        return lease(connection, *rest)

    monkeypatch.setattr(queue, "lease", lease_at_last)
    loop.start()
    until(lambda: firm.jobs() == {"done": 1}, "the job is done")


def test_an_account_that_cannot_be_opened_does_not_delay_the_others(
    firm: Firm, loop: JobLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts: Accounts = firm.app.state.installation.accounts
    accounts.create(CLIENT_ID - 1, "A firm before it")
    firm.ingest(tone(0.2))
    opened = accounts.open

    def open_some(_self: Accounts, client_id: int) -> Archive:
        if client_id != CLIENT_ID:
            raise KeysMissing("no keys")
        return opened(client_id)

    monkeypatch.setattr(Accounts, "open", open_some)
    loop.start()
    until(lambda: firm.jobs() == {"done": 1}, "the job of the account that opens is done")


def test_a_job_that_fails_keeps_its_reason_and_the_loop_goes_on(
    firm: Firm, loop: JobLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = firm.ingest(tone(0.2), thirdPartyId="first")

    def fail(archive: Archive, job: Job, *rest: Any) -> None:
        with archive.read() as connection:
            (row,) = (row for row in queue.list_jobs(connection) if row["id"] == job.id)
        if row["interactionId"] == first:
            raise ValueError("what was said in the recording")
        run_steps(archive, job, *rest)

    monkeypatch.setattr("earwitness.workers.job_runner.run_steps", fail)
    loop.start()
    firm.ingest(tone(0.2), thirdPartyId="second")
    until(lambda: firm.jobs() == {"queued": 1, "done": 1}, "the second job is done, the first waits")
    with firm.archive.read() as connection:
        (row,) = queue.list_jobs(connection)
    assert [line["text"] for line in row["log"]] == ["ValueError"]  # type: ignore[attr-defined]


def test_a_worker_works_although_the_disk_has_no_room_for_its_file(
    firm: Firm, loop: JobLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Incoming) -> UploadMarker:
        raise StorageFull("The disk is full.")

    firm.ingest(message="Hello.", type="sms")
    with firm.archive.read() as connection:
        position = connection.execute(select(recordings.c.position)).scalar_one()
    with firm.archive.write() as connection:
        queue.add(connection, "index", position)
    monkeypatch.setattr(Incoming, "begin", refuse)
    loop.start()
    until(lambda: firm.jobs() == {"done": 1}, "the job is done")


def test_stopping_waits_for_running_jobs_and_begins_no_others(firm: Firm) -> None:
    loop = JobLoop(firm.app.state.installation.accounts, firm.settings)
    firm.ingest(tone(0.2))
    loop.start()
    until(lambda: firm.jobs().get("running") or firm.jobs().get("done"), "the job has begun")
    loop.stop()
    assert firm.jobs() == {"done": 1}
    firm.ingest(tone(0.2), thirdPartyId="later")
    assert firm.jobs() == {"done": 1, "queued": 1}


def test_who_waits_for_an_account_job_of_another_worker_does_not_ask_all_the_time(firm: Firm) -> None:
    add_recordings(firm, add_people(firm, 1), 1_100)
    hold_id = firm.post("/admin/legalHold", {"name": "Enquiry"})["id"]
    ordered = firm.post("/client/recording/selection", {"filters": {}, "legalHoldId": hold_id})
    account_work.go_on(firm.archive, "another worker, which says nothing any more", Pace())
    asked: list[str] = []

    def ask(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    directory = firm.app.state.installation.accounts.directory
    event.listen(directory, "before_cursor_execute", ask)
    try:
        firm.work()  # until the lease has run out, and then to the end
    finally:
        event.remove(directory, "before_cursor_execute", ask)
    assert firm.get(f"/client/job/{ordered['jobId']}")["state"] == "done"
    assert len(asked) < 400, "it asked thousands of times"


def test_an_upload_wakes_one_thread(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    installation = firm.app.state.installation
    firm.ingest(tone(0.2), thirdPartyId="before")
    looked: list[str] = []
    take = AccountRotation.take

    def take_and_tell(self: AccountRotation, kind: JobKind, *rest: Any, **options: Any) -> Any:
        looked.append(threading.current_thread().name)
        return take(self, kind, *rest, **options)

    monkeypatch.setattr(AccountRotation, "take", take_and_tell)
    loop = JobLoop(installation.accounts, firm.settings, installation.work, idle_seconds=600)
    loop.start()
    slots = sum(kind.at_once(firm.settings) for kind in JOB_KINDS.values())
    until(
        lambda: firm.jobs() == {"done": 1} and len(looked) > slots, "all have looked once, one of them twice"
    )
    looked.clear()
    firm.ingest(tone(0.2), thirdPartyId="call")
    until(lambda: firm.jobs() == {"done": 2} and len(looked) > 1, "it is done, and looked again")
    assert {name.rpartition("-")[0] for name in looked} == {"process"}
    assert len(set(looked)) == 1
    loop.stop()
