"""A call that waits is answered when something changes, whoever changed it, and holds nothing meanwhile."""

import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from httpx2 import Response
from sqlalchemy import Engine, event, select

from earwitness.archive.accounts.accounts import Accounts
from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.ledger import Entry
from earwitness.archive.ledger.recording_digests import Watched
from earwitness.archive.recordings.comments import add_comment
from earwitness.archive.schema.recordings import recordings
from earwitness.cli.operator import action
from earwitness.kernel.settings import Settings
from tests.api.changes.following import kinds
from tests.api.changes.test_access import VIEWER, add_policy, add_viewer, change_user
from tests.firm import ADMIN, CLIENT_ID, Firm
from tests.serving import administrator, server
from tests.waiting import until

CLIENTS = {"sqlite": 1_000, "postgresql": 250}  # to begin so many takes long on PostgreSQL
FAR_FEWER = 150


def wait_for_changes(firm: Firm, as_user: str = ADMIN, **query: Any) -> Future[Response]:
    """Begin to wait after all that there is."""
    since = firm.get("/client/changes", as_user=as_user)["next"]
    return firm.begin("/client/changes", as_user=as_user, **{"since": since, "wait": 30, **query})


def are_waiting(firm: Firm, clients: int) -> None:
    until(lambda: firm.app.state.waits.clients == clients, f"{clients} clients wait")


def told(answer: Future[Response]) -> list[tuple[str, int]]:
    response = answer.result(60)
    response.read()
    assert response.status_code == 200, response.text
    return kinds(response.json())


def test_a_client_that_waits_is_told_of_a_change(firm: Firm) -> None:
    answer = wait_for_changes(firm)
    are_waiting(firm, 1)
    one = firm.ingest(thirdPartyId="call-1")
    assert told(answer) == [("created", one)]
    answer = wait_for_changes(firm)
    are_waiting(firm, 1)
    firm.post("/client/recording/comment", {"recordingId": one, "comment": "Looked at."})
    assert told(answer) == [("commented", one)]
    are_waiting(firm, 0)


def test_a_client_that_waits_is_told_of_what_another_process_wrote(firm: Firm) -> None:
    one = firm.ingest(thirdPartyId="call-1")
    answer = wait_for_changes(firm)
    are_waiting(firm, 1)
    comment_on(firm.settings, one)
    assert told(answer) == [("commented", one)]


def comment_on(settings: Settings, interaction_id: int) -> None:
    """Add a comment by connections of one's own, as another process has them."""
    accounts = Accounts(settings)
    with accounts.open(CLIENT_ID).write() as connection:
        position = connection.scalars(select(recordings.c.position)).one()
        watched = Watched(connection, [position], "comments")
        add_comment(connection, position, 1, "Looked at.")
        entry = Entry(interaction_id, changed=watched.changed(connection)[position])
        ledger.append(connection, action("comment", "Add comment"), [entry])
    accounts.close()


def test_a_client_that_waits_is_not_told_of_what_its_user_may_not_see(firm: Firm) -> None:
    add_viewer(firm)
    limited, unlimited = wait_for_changes(firm, VIEWER), wait_for_changes(firm)
    are_waiting(firm, 2)
    private = firm.ingest(thirdPartyId="private", isPrivate=True)
    assert told(unlimited) == [("created", private)]
    assert not limited.done()
    one = firm.ingest(thirdPartyId="call-1")
    assert told(limited) == [("created", one)]


def test_without_a_change_a_wait_ends_where_it_began(firm: Firm) -> None:
    firm.ingest(thirdPartyId="call-1")
    since = firm.get("/client/changes")["next"]
    answer = firm.get("/client/changes", since=since, wait=1)
    assert answer == {"changes": [], "next": since, "complete": True}


@pytest.mark.parametrize(
    ("change", "status"),
    [({"rolesAndRights": ["Admin"]}, 410), ({"rolesAndRights": []}, 403), ({"isActive": False}, 401)],
)
def test_a_client_that_waits_learns_at_once_that_its_access_has_changed(
    firm: Firm, change: dict[str, Any], status: int
) -> None:
    user_id = add_viewer(firm)
    add_viewer(firm, "other@example.com")
    answer, other = wait_for_changes(firm, VIEWER), wait_for_changes(firm, "other@example.com")
    are_waiting(firm, 2)
    change_user(firm, user_id, **change)
    assert answer.result(60).status_code == status
    one = firm.ingest(thirdPartyId="call-1")
    assert told(other) == [("created", one)]


def test_many_clients_that_wait_take_few_threads_and_statements(firm: Firm) -> None:
    add_policy(firm, "calls", communicationTypes=["phone"])
    users = [ADMIN, VIEWER, *(f"user-{number}@example.com" for number in range(3))]
    for number, user in enumerate(users[1:]):
        add_viewer(firm, user, policies=["calls"] if number % 2 else [])
    since = firm.get("/client/changes")["next"]
    before = threading.active_count()
    clients = CLIENTS[firm.archive.engine.dialect.name]
    answers = [
        firm.begin("/client/changes", as_user=users[number % len(users)], since=since, wait=30)
        for number in range(clients)
    ]
    are_waiting(firm, clients)
    with counting_statements() as statements:
        one = firm.ingest(thirdPartyId="call-1")
        assert firm.search() == ["call-1"]
        assert [told(answer) for answer in answers] == [[("created", one)]] * clients
        threads = threading.active_count()
    assert len(statements) < FAR_FEWER
    assert threads - before < 45  # those of the pool, which all calls share


@contextmanager
def counting_statements() -> Iterator[list[str]]:
    """The statements that are run meanwhile."""
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_others: Any) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def test_a_client_that_leaves_waits_no_longer(firm: Firm) -> None:
    answer = wait_for_changes(firm)
    are_waiting(firm, 1)
    answer.cancel()
    are_waiting(firm, 0)


def test_clients_that_wait_give_their_connections_to_others(settings: Settings) -> None:
    credentials = administrator(settings)
    few = replace(settings, connections=3)
    with ThreadPoolExecutor() as clients, server(few, credentials) as running:
        since = running.client.get("/client/changes").json()["next"]
        url = f"{running.client.base_url}client/changes"

        def ask(wait: int) -> Response | None:
            """None if there was no connection, or others took it before the call had begun to wait."""
            with suppress(httpx2.TransportError):
                query = {"since": since, "wait": wait}
                answer = httpx2.get(url, params=query, headers=running.client.headers, timeout=60)
                return answer if answer.status_code == 200 else None
            return None

        answers = [clients.submit(ask, 60) for _ in range(6)]
        until(
            lambda: ask(0) and any(answer.done() and answer.result() for answer in answers), "one is answered"
        )
        early = [answer.result() for answer in answers if answer.done()]
        told = [answer.json() for answer in early if answer is not None]
        assert told == [{"changes": [], "next": since, "complete": True}] * len(told)


def test_a_server_that_stops_answers_those_who_wait(settings: Settings) -> None:
    credentials = administrator(settings)
    with server(settings, credentials) as running:
        since = running.client.get("/client/changes").json()["next"]
        with ThreadPoolExecutor() as clients:
            asked = {"since": since, "wait": 60}
            answer = clients.submit(running.client.get, "/client/changes", params=asked)
            running.client.get("/client/changes", params=asked | {"wait": 2})  # by then the first one waits
            running.process.send_signal(signal.SIGTERM)
            running.process.wait(25)  # uvicorn itself would wait for 30 seconds
            assert answer.result(60).json() == {"changes": [], "next": since, "complete": True}
