"""Commands on very many jobs: they write in turns, count what is alike, and say what a number is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, insert, select, update

from earwitness.archive.jobs import queue
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.schema.work import account_jobs, audit_rows, jobs
from earwitness.cli.upkeep.turns import AT_ONCE
from tests.cli.conftest import Run
from tests.firm import CLIENT_ID, Firm
from tests.many_recordings import add_people, add_recordings

Tell = Callable[..., Any]
MANY = 2 * AT_ONCE + 100


@pytest.fixture
def positions(firm: Firm) -> list[int]:
    return add_recordings(firm, add_people(firm, 1), MANY)


@contextmanager
def queued_at_each_commit(firm: Firm) -> Iterator[list[int]]:
    """How many jobs were queued whenever anything was committed, and at the end."""
    seen: list[int] = []
    looking: list[bool] = []

    def look(*_: Any) -> None:
        if not looking:  # to look is a transaction, too
            looking.append(True)
            with firm.archive.read() as connection:
                counted = select(func.count()).select_from(jobs).where(jobs.c.state == "queued")
                seen.append(connection.scalar(counted) or 0)
            looking.clear()

    event.listen(Engine, "commit", look)
    try:
        yield seen
    finally:
        event.remove(Engine, "commit", look)
    look()


def headers_of(firm: Firm) -> list[int]:
    """How many rows of recordings are under each header of the ledger."""
    counted = select(func.count()).where(audit_rows.c.entity_name == "Recording")
    with firm.archive.read() as connection:
        return list(connection.scalars(counted.group_by(audit_rows.c.audit_header_id)))


def kill_all(firm: Firm, positions: list[int]) -> None:
    """Let each recording have a dead job."""
    with firm.archive.write() as connection:
        queue.add_for_each(connection, "process", {position: ["It went wrong."] for position in positions})
        connection.execute(update(jobs).values(state="dead", attempts=7))


def undecodable(firm: Firm, _positions: list[int]) -> None:
    with firm.archive.write() as connection:
        connection.execute(update(recordings).values(status="undecodable"))


@pytest.mark.parametrize(
    ("prepare", "words", "most"),
    [
        (None, ("reprocess", CLIENT_ID), AT_ONCE),
        (None, ("reprocess", CLIENT_ID, "--step", "index"), AT_ONCE),
        (undecodable, ("reprocess", CLIENT_ID, "--codec", "pcm_alaw"), 100),
        (kill_all, ("jobs", "retry", CLIENT_ID), AT_ONCE),
    ],
    ids=["all steps", "one step", "codec", "retry"],
)
def test_others_get_their_turn_between_any_two_writes(
    firm: Firm, tell: Tell, positions: list[int], prepare: Any, words: tuple[Any, ...], most: int
) -> None:
    if prepare is not None:
        prepare(firm, positions)
    with queued_at_each_commit(firm) as seen:
        assert tell(*words) == {"queued": MANY}
    assert max(after - before for before, after in pairwise(seen)) == most
    assert seen[-1] == MANY
    assert headers_of(firm) == [MANY]
    assert tell(*words)["queued"] == 0


def test_jobs_are_counted_and_only_those_in_trouble_are_listed(
    firm: Firm, run: Run, tell: Tell, positions: list[int]
) -> None:
    tell("reprocess", CLIENT_ID, "--step", "index")
    with firm.archive.write() as connection:
        some = connection.scalars(select(jobs.c.id).order_by(jobs.c.id).limit(3)).all()
        dead, waits, runs = some
        log = [{"at": "", "text": "It went wrong."}]
        for job_id, values in (
            (dead, {"state": "dead"}),
            (waits, {"attempts": 2}),
            (runs, {"state": "running"}),
        ):
            connection.execute(update(jobs).where(jobs.c.id == job_id).values(log=log, **values))
    told = run("jobs", "list", CLIENT_ID).stdout
    assert [line.split() for line in told.splitlines()[:4]] == [
        ["kind", "state", "jobs"],
        ["index", "queued", str(MANY - 2)],
        ["index", "running", "1"],
        ["index", "dead", "1"],
    ]
    assert told.count("It went wrong.") == 2
    assert len(tell("jobs", "list", CLIENT_ID)) == MANY


def test_of_very_many_dead_jobs_the_first_are_listed_and_the_others_counted(
    firm: Firm, run: Run, positions: list[int]
) -> None:
    kill_all(firm, positions)
    told = run("jobs", "list", CLIENT_ID).stdout
    assert told.count("It went wrong.") == 100
    assert f"{MANY - 100} more are dead or wait for another try; --json lists all." in told


def test_a_number_that_is_no_job_of_a_recording_is_explained(
    firm: Firm, run: Run, tell: Tell, positions: list[int]
) -> None:
    with firm.archive.write() as connection:
        ordered = {"what": {}, "username": "ann", "ordered_at": 0, "batches": 0, "done": 0, "total": 9}
        row = {"id": 900, "kind": "index", "state": "failed", "attempts": 7, "run_at": 0, **ordered}
        connection.execute(insert(account_jobs).values(row))
        queue.add(connection, "index", positions[6])
        job_id = connection.scalar(select(jobs.c.id)) or 0
        connection.execute(update(jobs).values(id=job_id + 5_000, state="running"))
    for words in (("drop",), ("retry",)):
        said = run("jobs", *words, CLIENT_ID, 900, exit_code=1).stderr
        assert "900 is a job of the account (index, failed)" in said
        assert f"`earwitness jobs retry {CLIENT_ID} --account-job 900` lets it go on" in said
        said = run("jobs", *words, CLIENT_ID, 7, exit_code=1).stderr
        assert f"7; it is the interactionId of a recording with these jobs: {job_id + 5_000}." in said
        assert "is running" in run("jobs", *words, CLIENT_ID, job_id + 5_000, exit_code=1).stderr
        assert "There is no job 99999." in run("jobs", *words, CLIENT_ID, 99_999, exit_code=1).stderr
    assert tell("jobs", "retry", CLIENT_ID, "--account-job", 900) == {"queued": 1}
    assert "has not failed" in run("jobs", "retry", CLIENT_ID, "--account-job", 900, exit_code=1).stderr
