"""A transaction that writes locks its account, except those that need not wait for others."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import insert, select

from earwitness.archive.jobs import queue
from earwitness.archive.schema.people import group_names
from tests.firm import CLIENT_ID, Firm, tone


def test_two_writes_that_look_something_up_and_add_it_add_it_once(firm: Firm) -> None:
    """The second one waits until the first has committed, and so finds what it added."""
    found, may_add = threading.Event(), threading.Event()

    def add(*, is_first: bool) -> bool:
        """Add a name unless it is there; whether it was added."""
        if not is_first:
            assert found.wait(20)
            may_add.set()
        with firm.archive.write() as connection:
            if connection.scalar(select(group_names.c.id).where(group_names.c.name == "Desk")):
                return False
            if is_first:
                found.set()
                assert may_add.wait(20)
            connection.execute(insert(group_names).values(name="Desk"))
            return True

    with ThreadPoolExecutor(2) as threads:
        added = [threads.submit(add, is_first=is_first) for is_first in (True, False)]
        assert [one.result(60) for one in added] == [True, False]


@pytest.mark.parametrize("settings", ["postgresql"], indirect=True)
def test_sign_in_audited_reads_and_jobs_do_not_wait_for_an_account_that_is_locked(firm: Firm) -> None:
    """On SQLite a file has one writer at a time, whatever it locks."""
    interaction_id = firm.ingest(tone(0.1))
    with firm.archive.write():
        body = {"clientId": CLIENT_ID, "username": "admin@example.com"}
        signed_in = firm.client.post(
            "/api/authWithApiKey", json=body | {"apiKey": firm.keys["admin@example.com"]}
        )
        assert signed_in.is_success
        assert firm.post("/client/recording.detail.get", {"interactionIds": [interaction_id]})
        with firm.archive.write(locked=False) as connection:
            assert queue.lease(connection, "worker", "process") is not None
