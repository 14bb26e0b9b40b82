"""The job queue: each job is done once, by a living worker, and one that fails keeps its reason."""

from dataclasses import dataclass

import pytest
from sqlalchemy import func, select

from earwitness.archive.jobs import queue
from earwitness.archive.jobs.queue import LEASE_MS, MOST_ATTEMPTS, Job
from earwitness.archive.schema.vault import media_objects
from earwitness.ingest.steps.run import run_steps
from earwitness.kernel.clock import now_ms
from earwitness.kernel.errors import Conflict
from tests.firm import Firm, tone


@dataclass
class Clock:
    """The time as jobs see it."""

    ms: int

    def __call__(self) -> int:
        return self.ms

    def skip(self, ms: int) -> None:
        self.ms += ms


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock(now_ms())
    monkeypatch.setattr(queue, "now_ms", clock)
    return clock


def lease(firm: Firm, worker: str) -> Job | None:
    with firm.archive.write() as connection:
        return queue.lease(connection, worker, "process")


def leased(firm: Firm, worker: str = "one") -> Job:
    job = lease(firm, worker)
    assert job is not None
    return job


def end(firm: Firm, job: Job, worker: str, reason: str | None = None) -> bool:
    with firm.archive.write() as connection:
        if reason is None:
            return queue.finish(connection, job, worker)
        queue.fail(connection, job, worker, reason)
        return True


def test_a_recording_with_media_queues_one_job_and_one_without_none(firm: Firm) -> None:
    firm.ingest(tone(0.1), thirdPartyId="with")
    firm.ingest(thirdPartyId="without")
    assert firm.jobs() == {"queued": 1}


def test_the_oldest_job_is_leased_first_and_to_one_worker(firm: Firm) -> None:
    for name in ("first", "second"):
        firm.ingest(tone(0.1), thirdPartyId=name)
    one, other = leased(firm, "one"), leased(firm, "other")
    assert one.id < other.id
    assert lease(firm, "third") is None


def test_the_job_of_a_dead_worker_is_leased_again_when_its_lease_has_run_out(
    firm: Firm, clock: Clock
) -> None:
    firm.ingest(tone(0.1))
    job = leased(firm, "dead")
    clock.skip(LEASE_MS - 1)
    assert lease(firm, "living") is None
    clock.skip(1)
    again = leased(firm, "living")
    assert (again.id, again.attempts) == (job.id, 2)


def test_a_worker_that_renews_its_lease_keeps_the_job(firm: Firm, clock: Clock) -> None:
    firm.ingest(tone(0.1))
    job = leased(firm, "slow")
    for _ in range(3):
        clock.skip(LEASE_MS - 1)
        with firm.archive.write() as connection:
            assert queue.renew(connection, job, "slow")
        assert lease(firm, "other") is None


def test_a_worker_that_lost_its_lease_can_neither_renew_nor_finish(firm: Firm, clock: Clock) -> None:
    firm.ingest(tone(0.1))
    job = leased(firm, "slow")
    clock.skip(LEASE_MS)
    again = leased(firm, "other")
    with firm.archive.write() as connection:
        assert not queue.renew(connection, job, "slow")
    assert not end(firm, job, "slow")
    assert firm.jobs() == {"running": 1}
    assert end(firm, again, "other")
    assert firm.jobs() == {"done": 1}


def test_the_result_of_a_worker_that_lost_its_lease_does_not_count(firm: Firm, clock: Clock) -> None:
    interaction_id = firm.ingest(tone(1.0))
    job = leased(firm, "slow")
    clock.skip(LEASE_MS)
    again = leased(firm, "other")
    with pytest.raises(Conflict):
        run_steps(firm.archive, job, "slow", firm.settings)
    (detail,) = firm.post("/client/recording.detail.get", {"interactionIds": [interaction_id]})
    assert "mp3" not in detail["metadata"]["sourceFileDetail"]
    run_steps(firm.archive, again, "other", firm.settings)
    (detail,) = firm.post("/client/recording.detail.get", {"interactionIds": [interaction_id]})
    assert "mp3" in detail["metadata"]["sourceFileDetail"]
    with firm.archive.read() as connection:
        named = connection.scalar(select(func.count()).select_from(media_objects))
    assert len(list(firm.archive.store.names())) == named == 2
    assert firm.jobs() == {"done": 1}


def test_a_failed_job_is_tried_later_each_time_and_is_dead_with_its_reason_at_last(
    firm: Firm, clock: Clock
) -> None:
    firm.ingest(tone(0.1))
    waits: list[int] = []
    for attempt in range(1, MOST_ATTEMPTS + 1):
        job = leased(firm)
        assert job.attempts == attempt
        end(firm, job, "one", f"try {attempt} went wrong")
        waited = 0
        while attempt < MOST_ATTEMPTS and not _is_due(firm, clock):
            clock.skip(500 * 2**attempt)
            waited += 2**attempt
        waits.append(waited)
    assert waits[:-1] == sorted(set(waits[:-1]))
    clock.skip(7 * 24 * 3_600_000)
    assert lease(firm, "one") is None
    with firm.archive.read() as connection:
        (row,) = queue.list_jobs(connection)
    assert row["state"] == "dead"
    assert [line["text"] for line in _log(row)][-1] == f"try {MOST_ATTEMPTS} went wrong"


def _is_due(firm: Firm, clock: Clock) -> bool:
    with firm.archive.read() as connection:
        due_at = queue.next_due_at(connection, "process")
    return due_at is not None and due_at <= clock.ms


def _log(row: dict[str, object]) -> list[dict[str, str]]:
    log = row["log"]
    assert isinstance(log, list)
    return log


def _kill(firm: Firm, clock: Clock) -> Job:
    job = leased(firm)
    for _ in range(MOST_ATTEMPTS - 1):
        end(firm, job, "one", "it went wrong")
        clock.skip(3_600_000)
        job = leased(firm)
    end(firm, job, "one", "it went wrong")
    assert firm.jobs() == {"dead": 1}
    return job


def test_a_dead_job_can_be_retried(firm: Firm, clock: Clock) -> None:
    firm.ingest(tone(0.1))
    job = _kill(firm, clock)
    with firm.archive.write() as connection:
        assert queue.retry(connection, job.id + 1) == []
        assert len(queue.retry(connection, job.id)) == 1
    assert leased(firm).attempts == 1


def test_a_job_can_be_dropped_unless_it_is_running(firm: Firm, clock: Clock) -> None:
    firm.ingest(tone(0.1))
    job = leased(firm)
    with firm.archive.write() as connection:
        assert not queue.drop(connection, job.id)
    end(firm, job, "one", "it went wrong")
    with firm.archive.write() as connection:
        assert queue.drop(connection, job.id)
        assert not queue.drop(connection, job.id)
    assert firm.jobs() == {}


def test_the_list_names_recordings_and_leaves_out_done_jobs(firm: Firm) -> None:
    interaction_id = firm.ingest(tone(0.1), thirdPartyId="call-7")
    firm.work()
    with firm.archive.read() as connection:
        assert queue.list_jobs(connection) == []
        (row,) = queue.list_jobs(connection, done=True)
    assert (row["interactionId"], row["thirdPartyId"], row["state"]) == (interaction_id, "call-7", "done")
