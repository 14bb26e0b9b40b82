"""A worker is killed in the middle of a job of the account: another goes on, and nothing is done twice."""

import pytest
from sqlalchemy import Table, func, select, update

from earwitness.archive.jobs import account_jobs
from earwitness.archive.jobs.account_jobs import AccountJob
from earwitness.archive.schema.recordings import legal_hold_recordings, recording_tags, recordings
from earwitness.archive.schema.work import account_job_positions, audit_rows
from earwitness.archive.schema.work import account_jobs as rows
from tests.cli.running import running
from tests.firm import Firm
from tests.many_recordings import add_people, add_recordings
from tests.waiting import until

MANY = 15_000


@pytest.fixture
def held(firm: Firm) -> int:
    """The job that puts very many recordings into a hold."""
    add_recordings(firm, add_people(firm, 2), MANY)
    hold_id = firm.post("/admin/legalHold", {"name": "Enquiry"})["id"]
    body = {"filters": {}, "legalHoldId": hold_id}
    return int(firm.post("/client/recording/selection", body)["jobId"])


def job(firm: Firm, job_id: int) -> AccountJob:
    with firm.archive.read() as connection:
        found = account_jobs.get(connection, job_id)
    assert found is not None
    return found


def count(firm: Firm, table: Table) -> int:
    with firm.archive.read() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


def told(firm: Firm, header: int | None) -> dict[int, int]:
    """How many rows under a header the ledger has of each recording."""
    of_recordings = audit_rows.c.entity_name == "Recording", audit_rows.c.audit_header_id == header
    counted = select(audit_rows.c.entity_id, func.count()).where(*of_recordings)
    with firm.archive.read() as connection:
        return {row[0]: row[1] for row in connection.execute(counted.group_by(audit_rows.c.entity_id))}


def kill_a_worker_amid(firm: Firm, job_id: int) -> AccountJob:
    """Let a worker go on with a job for some batches, and kill it. Returns the job as it is then."""
    before = job(firm, job_id).batches
    with running(firm.settings, "worker"):
        until(lambda: job(firm, job_id).batches > before, "a batch is written", 120)
    return job(firm, job_id)


def lengthen_leases(firm: Firm) -> None:
    """Let the lease of a dead worker last longer than this test."""
    with firm.archive.write() as connection:
        connection.execute(update(rows).values(leased_until=rows.c.leased_until + 600_000))


def test_each_recording_is_held_and_told_once_whatever_is_killed(firm: Firm, held: int) -> None:
    """Other workers of the machine notice that one died, and do not wait for its lease."""
    for _ in range(2):
        killed = kill_a_worker_amid(firm, held)
        assert killed.state == "running"
        assert 0 < killed.done < MANY
        assert count(firm, legal_hold_recordings) == killed.done
        assert len(told(firm, killed.audit_header_id)) == killed.done
        lengthen_leases(firm)
    with running(firm.settings, "worker"):
        until(lambda: job(firm, held).state == "done", "another worker has done the rest", 120)
    ended = job(firm, held)
    assert (ended.done, ended.total, ended.error) == (MANY, MANY, None)
    assert count(firm, legal_hold_recordings) == MANY
    with firm.archive.read() as connection:
        ids = set(connection.scalars(select(recordings.c.interaction_id)))
    assert told(firm, ended.audit_header_id) == dict.fromkeys(ids, 1)
    assert count(firm, account_job_positions) == 0


def test_two_workers_share_an_account_and_one_is_killed(firm: Firm, held: int) -> None:
    tagged = firm.post("/client/recording/selection", {"filters": {}, "addTags": ["checked"]})["jobId"]
    with running(firm.settings, "worker"):
        kill_a_worker_amid(firm, held)
        until(lambda: job(firm, tagged).state == "done", "the other one has done everything", 240)
    assert (job(firm, held).state, job(firm, held).done) == ("done", MANY)
    assert (count(firm, legal_hold_recordings), count(firm, recording_tags)) == (MANY, MANY)
    for one in (held, tagged):
        of_each = told(firm, job(firm, one).audit_header_id)
        assert (len(of_each), set(of_each.values())) == (MANY, {1})
