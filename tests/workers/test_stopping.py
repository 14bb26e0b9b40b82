"""A worker that stops leaves nothing half-done, and nothing that waits for it."""

from typing import Any

import pytest
from sqlalchemy import update

from earwitness.archive.jobs import queue
from earwitness.archive.schema.work import jobs as rows
from earwitness.kernel.clock import now_ms
from earwitness.workers.loop import JobLoop
from tests.firm import Firm
from tests.media.samples import wav_of
from tests.waiting import until

HOUR = wav_of(bytes(8000 * 2 * 3600), 8000, 1)
"""Takes longer to encode than anybody here waits."""


def loop_of(firm: Firm, grace_seconds: float) -> JobLoop:
    accounts = firm.app.state.installation.accounts
    return JobLoop(accounts, firm.settings, grace_seconds=grace_seconds)


def test_a_job_that_would_take_too_long_is_given_back(firm: Firm) -> None:
    firm.ingest(HOUR)
    loop = loop_of(firm, grace_seconds=0)
    loop.start()
    until(lambda: firm.jobs().get("running"), "the job has begun")
    loop.stop()
    with firm.archive.read() as connection:
        (row,) = queue.listed(connection)
    assert (row["state"], row["attempts"], row["log"]) == ("queued", 0, [])
    assert list((firm.settings.data / "workers").iterdir()) == []
    assert len(list(firm.archive.store.names())) == 1


def test_a_job_that_another_has_taken_up_is_left_to_it(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("earwitness.workers.doing._BEATS_A_LEASE", 100)
    firm.ingest(HOUR)
    loop = loop_of(firm, grace_seconds=60)
    loop.start()
    until(lambda: firm.jobs().get("running"), "the job has begun")
    with firm.archive.write() as connection:
        later = now_ms() + 3_600_000
        connection.execute(update(rows).values(leased_by="another", leased_until=later))
    loop.stop()
    assert firm.jobs() == {"running": 1}
    assert len(list(firm.archive.store.names())) == 1


def test_a_job_that_was_taken_just_before_is_given_back_too(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    firm.ingest(HOUR)
    loop = loop_of(firm, grace_seconds=0)
    doing = JobLoop._do

    def do_when_told_to_stop(self: JobLoop, archive: Any, job: Any) -> None:
        until(self._halting.is_set, "the loop is told to stop")
        doing(self, archive, job)

    monkeypatch.setattr(JobLoop, "_do", do_when_told_to_stop)
    loop.start()
    until(lambda: firm.jobs().get("running"), "the job has begun")
    loop.stop()
    assert firm.jobs() == {"queued": 1}
