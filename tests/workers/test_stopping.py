"""A worker that stops gives back the jobs that it cannot finish, and leaves no file behind."""

from typing import Any

import pytest
from sqlalchemy import update

from earwitness.archive.jobs import queue
from earwitness.archive.schema.work import jobs as rows
from earwitness.kernel.clock import now_ms
from earwitness.workers.account_rotation import AccountRotation
from earwitness.workers.job_runner import RENEW_SECONDS
from earwitness.workers.loop import JobLoop
from tests.firm import Firm
from tests.media.samples import wav_of
from tests.waiting import until

HOUR = wav_of(bytes(8000 * 2 * 3600), 8000, 1)
"""Takes longer to encode than these tests last."""


def loop_of(firm: Firm, grace_seconds: float, renew_seconds: float = RENEW_SECONDS) -> JobLoop:
    accounts = firm.app.state.installation.accounts
    return JobLoop(accounts, firm.settings, grace_seconds=grace_seconds, renew_seconds=renew_seconds)


def test_a_job_that_would_take_too_long_is_given_back(firm: Firm) -> None:
    firm.ingest(HOUR)
    loop = loop_of(firm, grace_seconds=0)
    loop.start()
    until(lambda: firm.jobs().get("running"), "the job has begun")
    loop.stop()
    with firm.archive.read() as connection:
        (row,) = queue.list_jobs(connection)
    assert (row["state"], row["attempts"], row["log"]) == ("queued", 0, [])
    assert list((firm.settings.data / "workers").iterdir()) == []
    assert len(list(firm.archive.store.names())) == 1


def test_a_job_that_another_worker_has_by_now_is_left_to_it(firm: Firm) -> None:
    firm.ingest(HOUR)
    loop = loop_of(firm, grace_seconds=60, renew_seconds=0.08)
    loop.start()
    until(lambda: firm.jobs().get("running"), "the job has begun")
    with firm.archive.write() as connection:
        later = now_ms() + 3_600_000
        connection.execute(update(rows).values(leased_by="another", leased_until=later))
    loop.stop()
    assert firm.jobs() == {"running": 1}
    assert len(list(firm.archive.store.names())) == 1


def test_a_job_that_was_taken_just_before_the_stop_is_given_back_too(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    firm.ingest(HOUR)
    loop = loop_of(firm, grace_seconds=0)
    take = AccountRotation.take

    def take_and_wait(*arguments: Any, **options: Any) -> Any:
        taken = take(*arguments, **options)
        if taken is not None:
            until(loop.halting.is_set, "running jobs are to be given back")
        return taken

    monkeypatch.setattr(AccountRotation, "take", take_and_wait)
    loop.start()
    until(lambda: firm.jobs().get("running"), "the job has begun")
    loop.stop()
    assert firm.jobs() == {"queued": 1}
