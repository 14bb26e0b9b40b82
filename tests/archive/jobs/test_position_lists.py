"""The recordings of an account job, in chunks that are stored before it is queued, on both databases."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from earwitness.archive.accounts.accounts import Accounts, Archive
from earwitness.archive.jobs import account_jobs, position_lists
from earwitness.archive.schema.work import account_job_positions
from earwitness.archive.schema.work import account_jobs as rows
from earwitness.archive.upkeep import account_work
from earwitness.archive.upkeep.account_work import Pace
from earwitness.cli.calling import operator
from earwitness.kernel.clock import now_ms
from earwitness.kernel.errors import Conflict, Unavailable
from earwitness.kernel.settings import Settings
from tests.firm import CLIENT_ID

VIEWER = operator(CLIENT_ID)
CHUNKS = [[3, 7, 1 << 60], [(1 << 60) + 1, (1 << 60) + 9], [(1 << 62) + 5]]
ALL = [position for chunk in CHUNKS for position in chunk]


@pytest.fixture
def archive(settings: Settings) -> Iterator[Archive]:
    accounts = Accounts(settings)
    yield accounts.open(CLIENT_ID)
    accounts.close()


def stored(archive: Archive) -> int:
    """Begin a job and store its list. Returns its id."""
    with archive.write() as connection:
        job_id = position_lists.begin(connection, "retention", VIEWER)
    for number, chunk in enumerate(CHUNKS):
        with archive.write() as connection:
            position_lists.add(connection, job_id, number, chunk)
    return job_id


@given(st.sets(st.integers(0, (1 << 63) - 1), min_size=1).map(sorted))
def test_positions_come_back_as_they_were_packed(positions: list[int]) -> None:
    assert list(position_lists.unpack(position_lists.pack(positions))) == positions


def test_a_list_is_read_on_from_any_position(archive: Archive) -> None:
    job_id = stored(archive)
    with archive.read() as connection:
        for most in (1, 2, 4, 100):
            assert position_lists.next_positions(connection, job_id, None, most) == ALL[:most]
            for index, position in enumerate(ALL):
                read = position_lists.next_positions(connection, job_id, position, most)
                assert read == ALL[index + 1 : index + 1 + most]
        assert position_lists.those_in(connection, job_id, [1, 7, 8, ALL[3], 1 << 61]) == {7, ALL[3]}
        assert position_lists.those_in(connection, job_id, []) == set()


def test_what_is_done_is_dropped_by_chunks_and_the_rest_is_read_on(archive: Archive) -> None:
    job_id = stored(archive)
    with archive.write() as connection:
        position_lists.drop(connection, job_id, ALL[3])
    with archive.read() as connection:
        assert position_lists.those_in(connection, job_id, ALL) == set(ALL[3:])
        assert position_lists.next_positions(connection, job_id, ALL[3], 10) == ALL[4:]


def test_a_job_is_not_there_until_it_is_queued(archive: Archive) -> None:
    job_id = stored(archive)
    with archive.read() as connection:
        assert account_jobs.get(connection, job_id) is None
        assert account_jobs.pending(connection) is None
        assert account_jobs.take(connection, "one") is None
    with archive.write() as connection:
        ordered = account_jobs.order(
            connection, "retention", {"any": 1}, total=len(ALL), viewer=VIEWER, job_id=job_id
        )
    assert ordered == job_id
    with archive.read() as connection:
        assert account_jobs.pending(connection) == job_id
        job = account_jobs.take(connection, "one")
    assert job is not None
    assert (job.id, job.total, job.what) == (job_id, len(ALL), {"any": 1})


def test_what_was_never_queued_is_swept_and_cannot_be_queued_later(archive: Archive) -> None:
    job_id = stored(archive)
    assert (account_work.go_on(archive, "one", Pace()) or 0) > now_ms()  # its process may live
    with archive.write() as connection:
        connection.execute(update(rows).values(leased_until=now_ms() - 1))
    while account_work.go_on(archive, "one", Pace()) is not None:
        pass
    with archive.read() as connection:
        assert connection.scalar(select(func.count()).select_from(account_job_positions)) == 0
        assert connection.scalar(select(func.count()).select_from(rows)) == 0
    with archive.write() as connection, pytest.raises(Conflict):
        position_lists.add(connection, job_id, len(CHUNKS), [(1 << 62) + 6])


def test_one_user_cannot_fill_the_account_with_lists(archive: Archive) -> None:
    other = replace(VIEWER, user_id=VIEWER.user_id + 1)
    with archive.write() as connection:
        for _ in range(2):
            position_lists.begin(connection, "selection", VIEWER, most_waiting=2)
    with archive.write() as connection, pytest.raises(Unavailable, match="2 changes that you ordered"):
        position_lists.begin(connection, "selection", VIEWER, most_waiting=2)
    with archive.write() as connection:
        position_lists.begin(connection, "selection", other, most_waiting=2)
        connection.execute(update(rows).values(state="done"))
        position_lists.begin(connection, "selection", VIEWER, most_waiting=2)


def test_a_list_that_is_being_swept_cannot_be_queued(archive: Archive) -> None:
    """A few of its chunks are gone by then, and the rest would be taken for all of it."""
    job_id = stored(archive)
    with archive.write() as connection:
        connection.execute(update(rows).values(leased_until=now_ms() - 1))
    with archive.write() as connection:
        position_lists.sweep(connection)
    with archive.write() as connection, pytest.raises(Conflict):
        position_lists.add(connection, job_id, len(CHUNKS), [(1 << 62) + 6])
    with archive.write() as connection, pytest.raises(Conflict):
        account_jobs.order(connection, "retention", {}, total=1, viewer=VIEWER, job_id=job_id)
