"""Jobs that store renditions wait while the disk has too little space, and say so."""

import io
import threading
from dataclasses import replace
from typing import Any

import pytest

from earwitness.archive.jobs import queue
from earwitness.ingest.steps.measure import BoundedSink
from earwitness.kernel.errors import Unavailable
from earwitness.kernel.outages import outages
from earwitness.workers.account_rotation import AccountRotation
from earwitness.workers.job_runner import run_job
from earwitness.workers.loop import JobLoop
from tests.cli.running import run, run_json
from tests.firm import CLIENT_ID, Firm, tone


def listed(firm: Firm) -> list[dict[str, Any]]:
    with firm.archive.read() as connection:
        return queue.list_jobs(connection)


def test_jobs_wait_for_space_and_are_not_tried_in_vain(firm: Firm, caplog: pytest.LogCaptureFixture) -> None:
    outages.forget()
    firm.ingest(tone(0.5))
    accounts = firm.app.state.installation.accounts
    full = replace(firm.settings, min_free_mib=1 << 40)
    JobLoop(accounts, full).run_until_idle()
    (job,) = listed(firm)
    assert (job["state"], job["attempts"], job["log"]) == ("queued", 0, [])
    assert "outage of the disk space of jobs: Renditions leave" in caplog.text
    assert "Jobs of the kind process wait." in caplog.text
    firm.work()
    assert firm.jobs() == {"done": 1}


def test_other_jobs_do_not_wait_for_space(firm: Firm) -> None:
    firm.ingest(tone(0.5), thirdPartyId="first")
    firm.work()
    firm.ingest(tone(0.5), thirdPartyId="second")
    run(firm.settings, "reprocess", CLIENT_ID, "--step", "index")
    full = replace(firm.settings, min_free_mib=1 << 40)
    JobLoop(firm.app.state.installation.accounts, full).run_until_idle()
    assert [job["kind"] for job in listed(firm)] == ["process"]


def test_commands_say_that_jobs_wait(firm: Firm) -> None:
    firm.ingest(tone(0.5))
    full = replace(firm.settings, min_free_mib=1 << 20)
    for command in ("status",), ("jobs", "list", CLIENT_ID):
        said = " ".join(run(full, *command).output.split())
        assert (
            "Jobs of the kind `process` wait until there is more space. Renditions leave 2097152 MiB" in said
        )
        assert "Jobs of the kind" not in run(firm.settings, *command).output
    assert run_json(full, "status")["disk"]["renditionsLeaveBytes"] == 2 << 40


def test_a_disk_that_becomes_full_ends_a_job_with_the_reason(firm: Firm) -> None:
    firm.ingest(tone(0.5))
    taken = AccountRotation(firm.app.state.installation.accounts, "worker").take("process", lambda: False)
    assert taken is not None
    full = replace(firm.settings, min_free_mib=1 << 40)
    run_job(*taken, "worker", full, threading.Event())
    (job,) = listed(firm)
    assert (job["state"], job["attempts"]) == ("queued", 1)
    (line,) = job["log"]
    assert line["text"].startswith("Unavailable: Renditions leave")
    assert len(list(firm.archive.store.names())) == 1, "only the original"


def test_space_is_looked_at_again_while_an_mp3_is_written() -> None:
    looks, written = iter([None, Unavailable("no room")]), io.BytesIO()

    def check_space() -> None:
        if (problem := next(looks)) is not None:
            raise problem

    sink = BoundedSink(written, check_space, step_bytes=1000)
    for _ in range(4):
        sink.write(bytes(250))
    with pytest.raises(Unavailable, match="no room"):
        sink.write(bytes(250))
    assert len(written.getvalue()) == 1000
