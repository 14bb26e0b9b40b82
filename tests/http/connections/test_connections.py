"""One connection holds up no other: attacks on sockets, and clients that are slow but honest."""

import select
import time
from contextlib import ExitStack
from dataclasses import replace

import pytest

from earwitness.archive.upkeep import refusals
from tests.api.serving import server_of
from tests.firm import Firm
from tests.http.connections.conftest import MIB, PATIENT, QUICK
from tests.http.connections.raw import connected, problem, request, upload

pytestmark = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)  # no database has a part in it


# Heads


def test_a_head_of_64_kib_is_taken_and_a_larger_one_is_not(firm: Firm) -> None:
    with server_of(firm) as base_url:
        for size, expected in ((63 << 10, 200), (66 << 10, 431)):
            with connected(base_url) as client:
                client.send(request(X_Long="x" * size))
                assert client.status() == expected
        with connected(base_url) as client:
            client.send(request(more={f"x{number}": "x" * 1000 for number in range(70)}))
            assert problem(client) == (431, "head-too-large")
        with connected(base_url) as client:
            client.send(request("/" + "x" * (70 << 10)))
            assert problem(client) == (431, "head-too-large")


@pytest.mark.parametrize("begins", [b"GET / HTTP/1.1\r\nX: ", b"GET /", b"\r\n", b"GET / HTTP/1.1\r\n"])
def test_an_endless_head_is_refused_while_others_are_served(firm: Firm, begins: bytes) -> None:
    more = {b"\r\n": b"\r\n" * (MIB // 2), b"GET / HTTP/1.1\r\n": b"x: y\r\n" * (MIB // 6)}
    with server_of(firm) as base_url, connected(base_url) as attacker, connected(base_url) as other:
        attacker.send(begins)
        for _ in range(126):
            attacker.send(more.get(begins, b"x" * MIB))
            other.send(request())
            assert other.status() == 200
        assert attacker.status() in {431, None}  # None: it was still sending when the server had hung up


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: localhost\r\n", b"\r\n"])
def test_a_head_that_does_not_end_in_time_is_refused(base_url: str, sent: bytes) -> None:
    with connected(base_url) as client:
        client.send(sent)
        if sent:
            assert problem(client) == (408, "too-slow")
        assert client.is_closed()


def test_a_head_that_trickles_in_is_ended(base_url: str) -> None:
    with connected(base_url) as client:
        client.socket.settimeout(0.2)
        for byte in request(X_Long="x" * 10_000):
            client.send(bytes([byte]))
            try:
                assert problem(client) == (408, "too-slow")
                return
            except TimeoutError:
                continue
    pytest.fail("the head came to its end")


def test_later_heads_on_a_connection_have_the_same_limits(base_url: str) -> None:
    with connected(base_url) as client:
        client.send(request())
        assert client.status() == 200
        client.send("GET / HTTP/1.1\r\nHo")
        assert problem(client) == (408, "too-slow")
    with connected(base_url) as client:
        client.send(request() + request(X_Long="x" * (66 << 10)))
        assert client.status() == 200
        assert problem(client) == (431, "head-too-large")


def test_bytes_that_are_no_http_are_refused_after_the_earlier_answers(base_url: str) -> None:
    with connected(base_url) as client:
        client.send(request() + request() + b"\x16\x03\x01 hello\r\n\r\n")
        assert [client.status(), client.status()] == [200, 200]
        assert problem(client) == (400, "bad-http")
        assert client.is_closed()


def test_a_body_that_is_no_http_is_refused_after_the_earlier_answers(firm: Firm, base_url: str) -> None:
    post = request("/api/client/recording.search", "POST", Transfer_Encoding="chunked", more=firm.headers())
    for before in (b"", request("/readyz"), request("/readyz") + request()):
        with connected(base_url) as client:
            client.send(before + post + b"2\r\n{}\r\nno size\r\n")
            for _ in range(before.count(b"GET")):
                assert client.status() == 200
            assert problem(client) == (400, "bad-http")
            assert client.is_closed()


def test_no_request_is_answered_twice(base_url: str) -> None:
    with connected(base_url) as client:
        client.send(request("/api/client/recording.search", "POST", Transfer_Encoding="chunked"))
        assert client.status() == 401
        client.send(b"no size\r\n")
        assert client.answer() is None


# Many


def test_requests_that_do_not_await_answers_are_answered_in_order(firm: Firm) -> None:
    with server_of(firm) as base_url, connected(base_url) as client:
        paths = ["/healthz", "/nowhere", "/readyz", "/api/schema"] * 250
        client.send(b"".join(request(path) for path in paths))
        expected = {"/healthz": 200, "/nowhere": 404, "/readyz": 200, "/api/schema": 200}
        assert [client.status() for _ in paths] == [expected[path] for path in paths]


def test_idle_connections_are_closed_for_new_ones(firm: Firm) -> None:
    with server_of(firm, bounds=replace(PATIENT, connections=20)) as base_url, ExitStack() as held:
        idle = [held.enter_context(connected(base_url)) for _ in range(50)]
        for begun in idle[::3]:
            begun.send("GET / HTTP/1.1\r\nX: ")
        for begun in idle[1::3]:
            begun.send(request("/api/authWithApiKey", "POST", Content_Length="100"))
        for _ in range(30):
            other = held.enter_context(connected(base_url))
            other.send(request())
            assert other.status() == 200
        assert idle[2].is_closed()


def test_busy_connections_stay_and_a_surplus_one_is_refused(firm: Firm) -> None:
    with server_of(firm, bounds=replace(PATIENT, connections=5)) as base_url, ExitStack() as held:
        uploads = [(held.enter_context(connected(base_url)), upload(firm, f"call-{n}")) for n in range(5)]
        for client, pieces in uploads:
            client.send(pieces[0].replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))
            assert client.status() == 100  # its handler reads it
            client.send(b"".join(pieces[1:-5]))
        with connected(base_url) as other:
            other.send(request())
            assert problem(other) == (503, "connections-taken")
        for client, pieces in uploads:
            client.send(b"".join(pieces[-5:]))
            assert client.status() == 201
        with connected(base_url) as other:
            other.send(request())
            assert other.status() == 200
    assert refusals.read(firm.settings.data)["connections-taken"].count == 1, "`earwitness status` says it"


def test_connections_without_sign_in_are_closed_for_others(firm: Firm) -> None:
    unread = request("/api/schema/openapi.json") * 200
    with server_of(firm, bounds=replace(PATIENT, connections=5)) as base_url, ExitStack() as held:
        for _ in range(5):
            many = held.enter_context(connected(base_url, takes_bytes=4096))
            many.send(unread)
            assert select.select([many.socket], [], [], 60)[0], "its answers do not begin"
        for _ in range(15):
            other = held.enter_context(connected(base_url))
            other.send(request("/api/client/recording.search", "POST", b"{}", firm.headers()))
            assert other.status() == 200


# Answers that nobody takes


def test_a_client_that_reads_no_answer_is_ended(base_url: str) -> None:
    with connected(base_url, takes_bytes=4096) as client:
        client.send(request("/api/schema/openapi.json") * 100)
        ended = select.poll()
        ended.register(client.socket, 0)  # hung up, or broken
        assert ended.poll(30_000), "it goes on"


def test_a_client_that_reads_slowly_gets_the_whole_answer(firm: Firm) -> None:
    bounds = replace(QUICK, unread_bytes_per_second=10_000)
    with server_of(firm, bounds=bounds) as base_url, connected(base_url, takes_bytes=4096) as client:
        client.send(request("/api/schema/openapi.json", Connection="close"))
        began = time.monotonic()
        answered = client.answer(at_once=2048, pause_seconds=0.03)
        assert answered is not None
        assert len(answered.body) == int(answered.headers["content-length"])
        assert time.monotonic() - began > 2 * bounds.unread_seconds
