"""Bodies: how large and how slow they may be, who may send them, and where one ends."""

import json
import time
from dataclasses import replace

import pytest

from tests.api.serving import server_of
from tests.firm import ADMIN, CLIENT_ID, Firm
from tests.http.connections.conftest import MIB, PATIENT, QUICK
from tests.http.connections.raw import connected, problem, request, upload

pytestmark = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)  # no database has a part in it


def sign_in(firm: Firm, **changes: object) -> bytes:
    return json.dumps(
        {"clientId": CLIENT_ID, "username": ADMIN, "apiKey": firm.keys[ADMIN]} | changes
    ).encode()


def test_the_upload_of_a_slow_client_goes_on(firm: Firm) -> None:
    bounds = replace(QUICK, body_bytes_per_second=10_000)
    with server_of(firm, bounds=bounds) as base_url, connected(base_url) as client:
        began = time.monotonic()
        for piece in upload(firm, "slow"):
            client.send(piece)
            time.sleep(0.2)  # it takes many times as long as a body may stand still
        assert client.status() == 201
        assert time.monotonic() - began > 3 * QUICK.body_seconds


def test_an_upload_that_stops_is_ended_and_leaves_nothing(firm: Firm) -> None:
    with server_of(firm, bounds=QUICK) as base_url, connected(base_url) as client:
        for piece in upload(firm, "stalled")[:-5]:
            client.send(piece)
        assert problem(client) == (408, "too-slow")
    assert firm.search() == []


def test_a_large_body_that_does_not_await_the_answer_before_it_is_read(firm: Firm) -> None:
    body = b"{}" + b" " * (MIB // 2)
    search = request("/api/client/recording.search", "POST", body=body, more=firm.headers())
    with server_of(firm, bounds=PATIENT) as base_url, connected(base_url) as client:
        client.send((request("/readyz") + search) * 3 + request("/readyz"))
        assert [client.status() for _ in range(7)] == [200] * 7


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
def test_the_framing_of_a_body_is_limited_like_a_head(firm: Firm, tail: bytes) -> None:
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


def test_the_body_of_a_caller_without_a_token_is_not_read(firm: Firm) -> None:
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


def test_a_body_that_comes_after_its_answer_is_ended(base_url: str) -> None:
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


def test_the_rest_of_a_refused_body_is_skipped(firm: Firm) -> None:
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


def test_a_client_that_awaits_100_continue_may_take_its_time(firm: Firm, base_url: str) -> None:
    with connected(base_url) as client:
        body = sign_in(firm)
        head = request("/api/authWithApiKey", "POST", body, Expect="100-continue")[: -len(body)]
        client.send(head)
        assert client.status() == 100
        client.send(body)
        assert client.status() == 200
        client.send(request())
        assert client.status() == 200


def test_a_refused_client_that_awaits_100_continue_sends_no_body(base_url: str) -> None:
    with connected(base_url) as client:
        head = request("/api/ingest/recording", "POST", Content_Length=str(1 << 30), Expect="100-continue")
        client.send(head)
        answered = client.answer()
        assert answered is not None
        assert (answered.status, answered.headers["connection"]) == (401, "close")
        assert client.is_closed()


def test_the_body_of_a_request_to_upgrade_belongs_to_that_request(firm: Firm) -> None:
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
def test_no_request_hides_in_the_body_of_a_request_to_upgrade(firm: Firm, method: str) -> None:
    hidden = request("/api/schema", "DELETE")
    asks = {"Upgrade": "websocket", "Connection": "upgrade"}
    with server_of(firm) as base_url, connected(base_url) as client:
        client.send(request("/nowhere", method, hidden, asks) + request())
        assert [client.status(), client.status()] == [404, 200]


@pytest.mark.parametrize(
    "framing", [{"Transfer-Encoding": "gzip"}, {"Transfer-Encoding": "chunked", "Content-Length": "4"}]
)
def test_a_request_to_upgrade_whose_body_has_no_clear_end_is_refused(
    firm: Firm, framing: dict[str, str]
) -> None:
    asks = {"Upgrade": "h2c", "Connection": "upgrade"}
    with server_of(firm) as base_url, connected(base_url) as client:
        client.send(request("/api/authWithApiKey", "POST", more=asks | framing) + b"0\r\n\r\n")
        assert problem(client) == (400, "bad-http")


def test_large_bodies_are_accepted_with_a_request_to_upgrade(firm: Firm) -> None:
    asks = {"Upgrade": "h2c", "Connection": "upgrade", "Expect": "100-continue"}
    body = sign_in(firm) + b" " * (10 << 10)
    with server_of(firm) as base_url, connected(base_url) as client:
        head = request("/api/authWithApiKey", "POST", body, asks)[: -len(body)]
        client.send(head)
        assert client.status() == 100
        client.send(body)
        assert client.status() == 200
