"""Every call ends, whatever hangs beneath it: database, store, a lock; and others go on meanwhile."""

import json
import os
import random
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from sqlalchemy import select, text, update

from earwitness.app import API, build
from earwitness.archive.accounts.accounts import Accounts
from earwitness.archive.database import engines, transactions
from earwitness.archive.database.transactions import reading
from earwitness.archive.schema.people import users
from earwitness.http.limits.time_limit import MARGIN_SECONDS
from earwitness.kernel.rights import Right
from earwitness.kernel.settings import Settings
from earwitness.media.stores.disk import DiskStore
from earwitness.operations import operations
from earwitness.operations.operations import Call
from tests.api.serving import server_of
from tests.firm import CLIENT_ID, Firm, call, tone, transcript
from tests.http.connections.raw import connected, request
from tests.outages.lines import Line, line_to, nobody, silent_server
from tests.waiting import until

SECONDS = 1
"""How long a call may take in these tests."""
SLACK_SECONDS = 8
"""Of machines that do much else."""

on_postgres = pytest.mark.parametrize("settings", ["postgresql"], indirect=True)
on_sqlite = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)

WITHOUT_END = text(
    "WITH RECURSIVE counted (n) AS (SELECT 1 UNION ALL SELECT n % 1000 + 1 FROM counted)"
    " SELECT count(*) FROM counted"
)
METADATA: tuple[None, str, str] = (None, json.dumps(call(thirdPartyId="another")), "application/json")

hangs = threading.Event()


@operations.read("/hang", right=Right.RECORDING_VIEW)
def hang(call: Call) -> bool:
    """Hang until it is let go."""
    return hangs.wait()


@operations.read("/hanging", method="GET", right=Right.RECORDING_VIEW)
def hanging(call: Call) -> bool:
    """Hang until it is let go."""
    return hangs.wait()


@operations.write("/rename-for-ever", right=Right.RECORDING_VIEW)
def rename_for_ever(call: Call) -> int:
    """Change something, and take longer than is allowed."""
    call.connection.execute(update(users).values(full_name="another"))
    return int(call.connection.execute(WITHOUT_END).scalar_one())


def with_media() -> dict[str, Any]:
    return {"metadata": METADATA, "media": ("a.wav", tone(), "audio/wav")}


@contextmanager
def in_time() -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < SECONDS + MARGIN_SECONDS + SLACK_SECONDS


def assert_said(answer: httpx2.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json()["status"] == 503


@pytest.fixture
def firm(settings: Settings) -> Iterator[Firm]:
    with Firm(replace(settings, request_seconds=SECONDS)) as firm:
        yield firm


@contextmanager
def client_at(firm: Firm, base_url: str) -> Iterator[httpx2.Client]:
    limits = httpx2.Limits(max_connections=200)
    with httpx2.Client(base_url=base_url, headers=firm.headers(), timeout=60, limits=limits) as client:
        yield client


@on_sqlite
def test_a_call_that_hangs_is_answered_and_others_go_on(settings: Settings) -> None:
    hurried = replace(settings, request_seconds=SECONDS)
    hangs.clear()
    with (
        Firm(hurried) as firm,
        server_of(firm, app=build(hurried, routes=[*API, hang])) as base_url,
        client_at(firm, base_url) as client,
    ):
        try:
            with in_time():
                answer = client.post("/hang")
            assert_said(answer)
            assert answer.json()["instance"] == "/api/hang"
            assert client.post("/client/recording.search", json={}).status_code == 200
        finally:
            hangs.set()
        assert client.post("/hang").json() is True


@on_sqlite
def test_what_follows_a_call_that_was_given_up_on_gets_its_own_answer(settings: Settings) -> None:
    hurried = replace(settings, request_seconds=SECONDS)
    hangs.clear()
    with (
        Firm(hurried) as firm,
        server_of(firm, app=build(hurried, routes=[*API, hang, hanging])) as base_url,
        connected(base_url) as client,
    ):
        try:
            client.send(request("/api/hanging", "HEAD", more=firm.headers()))
            client.send(request("/api/hang", "POST", b"{}", more=firm.headers()))
            given_up = client.head()
            assert given_up.status == 503
            assert given_up.headers["retry-after"] == "5"
            assert client.status() == 503
            client.send(request())
            assert client.status() == 200
        finally:
            hangs.set()
        client.send(request("/healthz", "HEAD") + request())
        assert client.head().status == 200
        assert client.status() == 200


@contextmanager
def hanging_store(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A disk of media that answers nothing until it is let go."""
    let_go = threading.Event()
    real = {name: getattr(DiskStore, name) for name in ("new", "open", "exists")}

    def hang_first(name: str) -> Any:
        def asked(*given: Any) -> Any:
            let_go.wait()
            return real[name](*given)

        return asked

    with monkeypatch.context() as patch:
        for name in real:
            patch.setattr(DiskStore, name, hang_first(name))
        try:
            yield
        finally:
            let_go.set()


def test_a_store_that_hangs_takes_no_thread_of_other_calls(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording_id = firm.ingest(tone())
    media = f"/client/recording/{recording_id}/media?format=raw"
    play = {"thirdPartyId": "call-1", "format": "raw"}
    with server_of(firm) as base_url, client_at(firm, base_url) as client, ThreadPoolExecutor(96) as many:
        with hanging_store(monkeypatch), in_time():
            asked = [
                *(many.submit(client.get, media) for _ in range(40)),
                *(many.submit(client.post, "/ingest/recording", files=with_media()) for _ in range(40)),
                *(
                    many.submit(client.post, "/client/recording.playBackByThirdPartyId", json=play)
                    for _ in range(8)
                ),
            ]
            for _ in range(5):
                assert client.post("/client/recording.search", json={}).status_code == 200
            for one in asked:
                assert_said(one.result())
        answers = until(lambda: client.get(media).status_code == 200, "the store is used again")
        assert answers


def test_readiness_is_answered_whatever_hangs_and_what_hangs_does_not_pile_up(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server_of(firm) as base_url, httpx2.Client(timeout=60) as client:
        url = base_url.replace("/api", "/readyz")
        assert client.get(url).status_code == 200
        with hanging_store(monkeypatch):
            for _ in range(2):
                began = time.monotonic()
                answer = client.get(url)
                assert time.monotonic() - began < 5
                assert (answer.status_code, answer.json()["missing"]) == (503, ["media"])
            names = [thread.name for thread in threading.enumerate()]
            assert names.count("check-media") == 1
        assert until(lambda: client.get(url).status_code == 200, "it is ready again")


@pytest.fixture
def lined(settings: Settings) -> Iterator[tuple[Line, Firm]]:
    """A firm whose database lies behind a line."""
    with (
        line_to(settings.database_url) as (line, url),
        Firm(replace(settings, database_url=url, request_seconds=SECONDS)) as firm,
    ):
        yield line, firm


@on_postgres
def test_a_database_behind_a_line_that_is_cut_leaves_no_call_without_an_answer(
    lined: tuple[Line, Firm],
) -> None:
    line, firm = lined
    firm.ingest(tone())
    ready = "/readyz"
    with server_of(firm) as base_url, client_at(firm, base_url) as client, ThreadPoolExecutor(64) as many:
        files = {"metadata": METADATA}
        with line.held():
            with in_time():
                asked = [
                    *(many.submit(client.post, "/client/recording.search", json={}) for _ in range(20)),
                    *(many.submit(client.post, "/ingest/recording", files=files) for _ in range(20)),
                    many.submit(client.get, "/client/recording/1/media"),
                ]
                for one in asked:
                    assert_said(one.result())
            began = time.monotonic()
            answer = client.get(base_url.replace("/api", ready))
            assert time.monotonic() - began < 5
            assert answer.json()["missing"][0] == "database"
            assert client.get(base_url.replace("/api", "/healthz")).status_code == 200
        until(lambda: client.get(base_url.replace("/api", ready)).status_code == 200, "it is ready again")
        until(lambda: client.post("/client/recording.search", json={}).status_code == 200, "it answers again")


def test_a_call_changes_nothing_that_takes_too_long_to_change(settings: Settings) -> None:
    hurried = replace(settings, request_seconds=SECONDS)
    with Firm(hurried, build(hurried, routes=[*API, rename_for_ever])) as firm:
        names = select(users.c.full_name)
        with firm.archive.read() as connection:
            before = connection.scalars(names).all()
        with in_time():
            refused = firm.call("POST", "/rename-for-ever")
        assert_said(refused)
        assert refused.json()["code"] == "out-of-time"
        assert "nothing was changed" in refused.json()["detail"]
        with firm.archive.read() as connection:
            assert connection.scalars(names).all() == before
        assert firm.send(call()).status_code == 201


def test_what_is_done_for_no_call_has_no_end(settings: Settings) -> None:
    accounts = Accounts(replace(settings, request_seconds=SECONDS))
    with accounts.open(CLIENT_ID).write() as connection:
        if settings.database_url:
            assert connection.scalar(text("SHOW statement_timeout")) == "0"
        began = time.monotonic()
        while time.monotonic() < began + SECONDS + 0.5:
            connection.execute(update(users).values(full_name="another"))
    accounts.close()


def test_a_very_long_transcript_is_taken_however_long_it_takes(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "IDLE_MS", 50)
    chance = random.Random(1)
    words = [f"w{chance.randrange(1 << 40):x}" for _ in range(200_000)]
    said = [" ".join(words[at : at + 100]) for at in range(0, len(words), 100)]
    assert firm.send(call(transcript=transcript(*said))).status_code == 201


def test_a_write_that_waits_for_another_ends_in_time(firm: Firm) -> None:
    firm.headers()
    with firm.archive.write():
        with in_time():
            refused = firm.send(call(), tone())
        assert_said(refused)
    assert firm.send(call(), tone()).status_code == 201


def test_without_a_free_connection_a_call_ends_in_time(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "CONNECTIONS_KEPT", 1)
    monkeypatch.setattr(engines, "MORE_CONNECTIONS", 1)
    monkeypatch.setattr(engines, "WAIT_FOR_A_CONNECTION_SECONDS", 1)
    with Firm(replace(settings, request_seconds=SECONDS)) as firm:
        token = firm.headers()
        with ExitStack() as taken:
            for _ in range(2):
                taken.enter_context(reading(firm.archive.engine))
            with in_time():
                assert_said(firm.client.post("/api/client/recording.search", json={}, headers=token))
        assert firm.search() == []


@on_sqlite
@pytest.mark.parametrize("place", ["silent", "nobody"])
def test_a_bucket_that_does_not_answer_is_said_in_time(
    place: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as stack:
        port = stack.enter_context(silent_server() if place == "silent" else nobody())
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "a",
            "AWS_SECRET_ACCESS_KEY": "b",
        }.items():
            monkeypatch.setenv(name, value)
        changed = replace(settings, media_url="s3://archive/a", request_seconds=SECONDS, metrics_token="t")
        with Firm(changed) as firm, server_of(firm) as base_url, client_at(firm, base_url) as client:
            with in_time():
                assert_said(client.post("/ingest/recording", files=with_media()))
            began = time.monotonic()
            answer = client.get(base_url.replace("/api", "/readyz"), headers={"Authorization": "Bearer t"})
            assert time.monotonic() - began < 5
            assert "media" in answer.json()["missing"]
            said = {"silent": "no answer for", "nobody": "ECONNREFUSED"}
            assert said[place] in answer.json()["causes"]["media"]
            stack.close()  # what waits for it is told, and the server can end


@on_sqlite
def test_an_upload_that_moves_takes_as_long_as_it_takes(firm: Firm) -> None:
    parts = [
        b"--x\r\nContent-Disposition: form-data; name=metadata\r\n\r\n",
        httpx2.Request("POST", "http://a", json=call()).read(),
        b'\r\n--x\r\nContent-Disposition: form-data; name=media; filename="a"\r\n\r\n',
    ]
    pieces = [os.urandom(1000) for _ in range(5)]
    whole = [*parts, *pieces, b"\r\n--x--\r\n"]
    with server_of(firm) as base_url:
        url = httpx2.URL(base_url)
        with socket.create_connection((url.host, url.port or 0)) as sender:
            head = (
                f"POST /api/ingest/recording HTTP/1.1\r\nHost: {url.host}:{url.port}\r\n"
                f"Authorization: {firm.headers()['Authorization']}\r\nConnection: close\r\n"
                f"Content-Type: multipart/form-data; boundary=x\r\n"
                f"Content-Length: {sum(map(len, whole))}\r\n\r\n"
            )
            sender.sendall(head.encode())
            for piece in whole:
                sender.sendall(piece)
                time.sleep(1)  # what is tested: that it takes longer than a call may
            assert sender.recv(100).startswith(b"HTTP/1.1 201")
