"""One connection holds up no other: attacks on sockets, and clients that are slow but honest."""

import json
import select
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from earwitness.http.connections.bounds import Bounds
from tests.api.serving import server_of
from tests.connections.raw import Raw, connected, request
from tests.firm import ADMIN, CLIENT_ID, Firm, call

pytestmark = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)  # no database has a part in it

QUICK = Bounds(head_seconds=1, body_seconds=1, leftover_seconds=1, unread_seconds=1, look_seconds=0.1)
"""Bounds whose end a test can wait for."""
PATIENT = Bounds()
MIB = 1 << 20


def problem(client: Raw) -> tuple[int, str]:
    answered = client.answer()
    assert answered is not None, "closed without an answer"
    assert answered.headers["connection"] == "close"
    assert answered.headers["x-content-type-options"] == "nosniff"
    assert answered.headers["cache-control"] == "no-store"
    assert answered.headers["content-type"] == "application/problem+json"
    said = json.loads(answered.body)
    assert said["status"] == answered.status
    return answered.status, said["code"]


@pytest.fixture
def base_url(firm: Firm) -> Iterator[str]:
    with server_of(firm, bounds=QUICK) as base_url:
        yield base_url


def sign_in(firm: Firm, **changes: object) -> bytes:
    return json.dumps(
        {"clientId": CLIENT_ID, "username": ADMIN, "apiKey": firm.keys[ADMIN]} | changes
    ).encode()


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
def test_a_head_that_does_not_come_to_its_end_is_ended(base_url: str, sent: bytes) -> None:
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


def test_the_second_head_on_a_connection_is_held_to_the_same(base_url: str) -> None:
    with connected(base_url) as client:
        client.send(request())
        assert client.status() == 200
        client.send("GET / HTTP/1.1\r\nHo")
        assert problem(client) == (408, "too-slow")
    with connected(base_url) as client:
        client.send(request() + request(X_Long="x" * (66 << 10)))
        assert client.status() == 200
        assert problem(client) == (431, "head-too-large")


def test_what_is_no_http_is_refused_after_the_answers_before_it(base_url: str) -> None:
    with connected(base_url) as client:
        client.send(request() + request() + b"\x16\x03\x01 hello\r\n\r\n")
        assert [client.status(), client.status()] == [200, 200]
        assert problem(client) == (400, "bad-http")
        assert client.is_closed()


def test_a_body_that_is_no_http_is_refused_after_the_answers_before_it(firm: Firm, base_url: str) -> None:
    post = request("/api/client/recording.search", "POST", Transfer_Encoding="chunked", more=firm.headers())
    for before in (b"", request("/readyz"), request("/readyz") + request()):
        with connected(base_url) as client:
            client.send(before + post + b"2\r\n{}\r\nno size\r\n")
            for _ in range(before.count(b"GET")):
                assert client.status() == 200
            assert problem(client) == (400, "bad-http")
            assert client.is_closed()


def test_nobody_is_answered_twice(base_url: str) -> None:
    with connected(base_url) as client:
        client.send(request("/api/client/recording.search", "POST", Transfer_Encoding="chunked"))
        assert client.status() == 401
        client.send(b"no size\r\n")
        assert client.answer() is None


# Bodies


def upload(firm: Firm, third_party_id: str) -> list[bytes]:
    """The head of an upload in chunks, the chunks, and the end."""
    metadata = json.dumps(call(thirdPartyId=third_party_id)).encode()
    parts = b"--b\r\nContent-Disposition: form-data; name=metadata\r\n\r\n" + metadata
    parts += (
        b"\r\n--b\r\nContent-Disposition: form-data; name=media; filename=x\r\n\r\n"
        + b"a" * 40
        + b"\r\n--b--\r\n"
    )
    head = request(
        "/api/ingest/recording",
        "POST",
        Transfer_Encoding="chunked",
        Content_Type="multipart/form-data; boundary=b",
        Authorization=firm.headers()["Authorization"],
    )
    chunks = [parts[at : at + 20] for at in range(0, len(parts), 20)]
    return [head, *(b"%x\r\n" % len(chunk) + chunk + b"\r\n" for chunk in chunks), b"0\r\n\r\n"]


def test_the_upload_of_a_slow_client_goes_on(firm: Firm) -> None:
    bounds = replace(QUICK, body_bytes_per_second=10_000)
    with server_of(firm, bounds=bounds) as base_url, connected(base_url) as client:
        began = time.monotonic()
        for piece in upload(firm, "slow"):
            client.send(piece)
            time.sleep(0.2)  # it takes many times as long as a body may stand still
        assert client.status() == 201
        assert time.monotonic() - began > 3 * QUICK.body_seconds


def test_an_upload_that_stands_still_is_ended_and_leaves_nothing(firm: Firm) -> None:
    with server_of(firm, bounds=QUICK) as base_url, connected(base_url) as client:
        for piece in upload(firm, "stalled")[:-5]:
            client.send(piece)
        assert problem(client) == (408, "too-slow")
    assert firm.search() == []


def test_a_body_of_a_byte_now_and_then_is_ended(firm: Firm, base_url: str) -> None:
    body = json.dumps({"freeText": "x" * 1000}).encode()
    head = request("/api/client/recording.search", "POST", body, more=firm.headers())[: -len(body)]
    for start in (head, request("/api/authWithApiKey", "POST", body)[: -len(body)]):
        with connected(base_url) as client:
            client.send(start)
            client.socket.settimeout(0.2)
            for byte in body:
                client.send(bytes([byte]))
                try:
                    assert problem(client) == (408, "too-slow")
                    break
                except TimeoutError:
                    continue
            else:
                pytest.fail("the body came to its end")


def test_a_body_that_comes_steadily_is_read_to_its_end(firm: Firm, base_url: str) -> None:
    body = b" " * 4000 + b"{}"
    with connected(base_url) as client:
        client.send(request("/api/client/recording.search", "POST", body, more=firm.headers())[: -len(body)])
        for at in range(0, len(body), 200):
            client.send(body[at : at + 200])
            time.sleep(0.1)  # twice as long as a body may stand still
        assert client.status() == 200


@pytest.mark.parametrize("tail", [b"0\r\nX: " + b"x" * MIB, b"5;" + b"x" * MIB, b"0\r\n" + b"X: y\r\n" * MIB])
def test_what_frames_a_body_is_no_larger_than_a_head(firm: Firm, tail: bytes) -> None:
    with server_of(firm) as base_url, connected(base_url) as client:
        head = request(
            "/api/client/recording.search", "POST", Transfer_Encoding="chunked", more=firm.headers()
        )
        client.send(head + b"2\r\n{}\r\n" + tail)
        assert client.status() == 431


def test_trailers_are_no_headers(firm: Firm) -> None:
    with server_of(firm) as base_url, connected(base_url) as client:
        client.send(request("/api/client/recording.search", "POST", Transfer_Encoding="chunked"))
        client.send(f"2\r\n{{}}\r\n0\r\nAuthorization: {firm.headers()['Authorization']}\r\n\r\n")
        assert client.status() == 401
        client.send(
            request("/api/client/recording.search", "POST", Transfer_Encoding="chunked", more=firm.headers())
        )
        client.send("2\r\n{}\r\n0\r\nX-Checksum: 1\r\n\r\n")
        assert client.status() == 200


def test_nothing_is_read_of_who_has_no_token(firm: Firm) -> None:
    paths = ["client/recording.search", "client/recording/1/media-url", "ingest/recording", "admin/user"]
    with server_of(firm) as base_url:
        for path in paths:
            for token in ({}, {"Authorization": "Bearer wrong"}):
                with connected(base_url) as client:
                    client.send(request(f"/api/{path}", "POST", Content_Length=str(MIB), more=token) + b"{")
                    assert client.status() == 401  # although the rest of the body never comes


def test_bodies_of_sign_in_are_small(firm: Firm) -> None:
    with server_of(firm) as base_url:
        for path in ("authWithApiKey", "authWithAPIKey", "auth/refresh"):
            with connected(base_url) as client:
                client.send(request(f"/api/{path}", "POST", Content_Length=str((16 << 10) + 1)))
                assert client.status() == 413
            with connected(base_url) as client:
                client.send(request(f"/api/{path}", "POST", Transfer_Encoding="chunked"))
                client.send(b"4000\r\n" + b" " * 0x4000 + b"\r\n1\r\n \r\n")
                assert client.status() == 413
        with connected(base_url) as client:
            body = sign_in(firm)
            client.send(request("/api/authWithApiKey", "POST", body + b" " * ((16 << 10) - len(body))))
            assert client.status() == 200


def test_what_was_answered_before_it_was_read_does_not_come_for_ever(base_url: str) -> None:
    with connected(base_url) as client:
        client.send(request("/api/client/recording.search", "POST", Content_Length=str(1 << 30)))
        assert client.status() == 401
        client.socket.settimeout(0.1)
        began = time.monotonic()
        while time.monotonic() - began < 30:
            client.send(b"x")
            try:
                assert client.is_closed()
                return
            except TimeoutError:
                continue
    pytest.fail("it went on")


def test_the_rest_of_a_body_that_was_refused_is_passed_over(firm: Firm) -> None:
    body = b"x" * (3 * MIB)
    with server_of(firm) as base_url, connected(base_url) as client:
        for _ in range(2):
            client.send(request("/api/client/recording.search", "POST", body))
            assert client.status() == 401
        client.send(request())
        assert client.status() == 200


def test_a_client_that_closes_after_its_request_sees_why_it_was_refused(firm: Firm) -> None:
    body = b"x" * (8 * MIB)
    with server_of(firm) as base_url:
        for _ in range(5):
            with connected(base_url) as client:
                client.send(request("/api/client/recording.search", "POST", body, Connection="close"))
                assert client.status() == 401
                assert client.is_closed()


# Expect: 100-continue


def test_who_asks_first_is_told_to_go_on_and_may_take_its_time_until_then(firm: Firm, base_url: str) -> None:
    with connected(base_url) as client:
        body = sign_in(firm)
        head = request("/api/authWithApiKey", "POST", body, Expect="100-continue")[: -len(body)]
        client.send(head)
        assert client.status() == 100
        client.send(body)
        assert client.status() == 200
        client.send(request())
        assert client.status() == 200


def test_who_asks_first_and_is_refused_sends_nothing_more(base_url: str) -> None:
    with connected(base_url) as client:
        head = request("/api/ingest/recording", "POST", Content_Length=str(1 << 30), Expect="100-continue")
        client.send(head)
        answered = client.answer()
        assert answered is not None
        assert (answered.status, answered.headers["connection"]) == (401, "close")
        assert client.is_closed()


# Many


def test_requests_that_do_not_await_answers_are_answered_in_order(firm: Firm) -> None:
    with server_of(firm) as base_url, connected(base_url) as client:
        paths = ["/healthz", "/nowhere", "/readyz", "/api/schema"] * 250
        client.send(b"".join(request(path) for path in paths))
        expected = {"/healthz": 200, "/nowhere": 404, "/readyz": 200, "/api/schema": 200}
        assert [client.status() for _ in paths] == [expected[path] for path in paths]


def test_idle_connections_go_for_new_ones(firm: Firm) -> None:
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


def test_who_does_something_stays_and_who_is_too_many_is_told(firm: Firm) -> None:
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


def test_who_asks_much_and_is_not_signed_in_goes_for_others(firm: Firm) -> None:
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


def test_who_takes_no_answer_is_ended(base_url: str) -> None:
    with connected(base_url, takes_bytes=4096) as client:
        client.send(request("/api/schema/openapi.json") * 100)
        ended = select.poll()
        ended.register(client.socket, 0)  # hung up, or broken
        assert ended.poll(30_000), "it goes on"


def test_who_takes_an_answer_slowly_gets_all_of_it(firm: Firm) -> None:
    bounds = replace(QUICK, unread_bytes_per_second=10_000)
    with server_of(firm, bounds=bounds) as base_url, connected(base_url, takes_bytes=4096) as client:
        client.send(request("/api/schema/openapi.json", Connection="close"))
        began = time.monotonic()
        answered = client.answer(at_once=2048, pause_seconds=0.03)
        assert answered is not None
        assert len(answered.body) == int(answered.headers["content-length"])
        assert time.monotonic() - began > 2 * bounds.unread_seconds


# Upgrade


def test_the_body_of_a_request_that_would_upgrade_is_its_own(firm: Firm) -> None:
    asks = {"Upgrade": "h2c", "Connection": "Upgrade, HTTP2-Settings", "HTTP2-Settings": ""}
    body = sign_in(firm)
    chunked = b"5\r\n" + body[:5] + b"\r\n" + f"{len(body) - 5:x}\r\n".encode() + body[5:] + b"\r\n0\r\n\r\n"
    path, in_chunks = "/api/authWithApiKey", asks | {"Transfer-Encoding": "chunked"}
    sent = request(path, "POST", body, asks) + request(path, "POST", more=in_chunks) + chunked
    with server_of(firm) as base_url:
        for pieces in ([sent], [bytes([byte]) for byte in sent]):
            with connected(base_url) as client:
                for piece in pieces:
                    client.send(piece)
                client.send(request(more=asks) + request("/nowhere"))
                assert [client.status() for _ in range(4)] == [200, 200, 200, 404]


@pytest.mark.parametrize("method", ["POST", "CONNECT"])
def test_no_request_hides_in_the_body_of_one_that_would_upgrade(firm: Firm, method: str) -> None:
    hidden = request("/api/schema", "DELETE")
    asks = {"Upgrade": "websocket", "Connection": "upgrade"}
    with server_of(firm) as base_url, connected(base_url) as client:
        client.send(request("/nowhere", method, hidden, asks) + request())
        assert [client.status(), client.status()] == [404, 200]


@pytest.mark.parametrize(
    "framing", [{"Transfer-Encoding": "gzip"}, {"Transfer-Encoding": "chunked", "Content-Length": "4"}]
)
def test_a_body_without_a_clear_end_is_refused_where_one_would_upgrade(
    firm: Firm, framing: dict[str, str]
) -> None:
    asks = {"Upgrade": "h2c", "Connection": "upgrade"}
    with server_of(firm) as base_url, connected(base_url) as client:
        client.send(request("/api/authWithApiKey", "POST", more=asks | framing) + b"0\r\n\r\n")
        assert problem(client) == (400, "bad-http")


def test_large_bodies_are_taken_of_clients_that_would_upgrade(firm: Firm) -> None:
    asks = {"Upgrade": "h2c", "Connection": "upgrade", "Expect": "100-continue"}
    body = sign_in(firm) + b" " * (10 << 10)
    with server_of(firm) as base_url, connected(base_url) as client:
        head = request("/api/authWithApiKey", "POST", body, asks)[: -len(body)]
        client.send(head)
        assert client.status() == 100
        client.send(body)
        assert client.status() == 200
