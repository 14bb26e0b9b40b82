"""The Host header: a foreign name that resolves to this server is refused, and is in no URL."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import httpx2
import pytest

from earwitness.app import build
from tests.api.serving import client_of, server_of
from tests.firm import Firm
from tests.http.connections.raw import connected, request

PUBLIC = "https://archive.example.com"
MEDIA = b"recorded"

pytestmark = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)  # no database has a part in it


def status(
    base_url: str, host: str, path: str = "/api/client/recording.search", **headers: str
) -> int | None:
    with connected(base_url) as client:
        client.send(request(path, Host=host, more=headers))
        return client.status()


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:8080", "[::1]", "localhost."]
)
def test_this_machine_is_known_by_its_loopback_names_and_any_port(firm: Firm, host: str) -> None:
    with server_of(firm) as base_url:
        assert status(base_url, host) != 421


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "192.0.2.1", "localhost.evil.example", "[::2]"]
)
def test_a_foreign_host_is_refused_by_every_call(firm: Firm, host: str) -> None:
    with server_of(firm) as base_url:
        for path in (
            "/api/client/recording.search",
            "/api/authWithApiKey",
            "/api/schema",
            "/nowhere",
        ):
            assert status(base_url, host, path) == 421
        with connected(base_url) as client:
            client.send(request("/api/client/people.search", "POST", b"{}", Host=host, more=firm.headers()))
            answered = client.answer()
    assert answered is not None
    assert answered.headers["content-type"] == "application/problem+json"
    assert b'"code":"misdirected"' in answered.body
    assert host.encode() not in answered.body


@pytest.mark.parametrize(
    "host", ["", "a b", "user@localhost", "localhost/x", "localhost:x", "localhost, localhost"]
)
def test_an_invalid_host_is_a_bad_request(firm: Firm, host: str) -> None:
    with server_of(firm) as base_url:
        assert status(base_url, host) == 400


@pytest.mark.parametrize("lines", ["", "Host: localhost\r\nHost: evil.example\r\n"])
def test_a_second_host_header_is_refused(firm: Firm, lines: str) -> None:
    with server_of(firm) as base_url, connected(base_url) as client:
        client.send(f"GET /api/schema HTTP/1.1\r\n{lines}\r\n")
        assert client.status() == 400


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_load_balancers_ask_by_any_name(firm: Firm, path: str) -> None:
    with server_of(firm) as base_url:
        assert status(base_url, "10.0.0.7:8080", path) == 200


def test_metrics_by_a_foreign_name_need_their_token(firm: Firm) -> None:
    with server_of(firm, metrics_token="for-prometheus") as base_url:
        assert status(base_url, "localhost", "/metrics") == 200
        for token, expected in (("Bearer for-prometheus", 200), ("Bearer wrong", 403), ("", 403)):
            assert status(base_url, "earwitness:8080", "/metrics", Authorization=token) == expected


def test_a_page_elsewhere_cannot_name_the_address_of_another_machine(firm: Firm) -> None:
    with server_of(firm) as base_url:
        assert status(base_url, "127.0.0.2") == 421


def test_the_host_of_the_public_url_is_known_too(firm: Firm) -> None:
    with server_of(firm, public_url=PUBLIC) as base_url:
        for host in ("archive.example.com", "ARCHIVE.example.com:443", "localhost", "127.0.0.1"):
            assert status(base_url, host, "/api/schema") == 200
        assert status(base_url, "www.example.com") == 421


@contextmanager
def media_url(firm: Firm, headers: dict[str, str], **changes: Any) -> Iterator[tuple[str, str]]:
    """The base URL of a server, and a URL of media that it answers a call with these headers."""
    path = f"client/recording/{firm.ingest(MEDIA)}/media-url"
    with server_of(firm, **changes) as base_url, client_of(firm, base_url) as client:
        answered = client.post(path, json={"format": "raw"}, headers=headers)
        assert answered.status_code == 200, answered.text
        yield base_url, answered.json()["url"]


def test_a_media_url_begins_with_the_public_url(firm: Firm) -> None:
    told = {"X-Forwarded-Proto": "http", "X-Forwarded-Host": "evil.example"}
    trusted = (ip_network("127.0.0.0/8"),)
    with media_url(firm, told, public_url=PUBLIC, trusted_proxies=trusted) as (base_url, url):
        assert url.startswith(f"{PUBLIC}/api/client/recording/")
        assert httpx2.get(url.replace(PUBLIC, base_url.removesuffix("/api"))).content == MEDIA


def test_without_a_public_url_a_media_url_begins_with_the_host_that_was_called(firm: Firm) -> None:
    trusted = (ip_network("127.0.0.0/8"),)
    with media_url(firm, {"X-Forwarded-Host": "evil.example"}, trusted_proxies=trusted) as (base_url, url):
        assert url.startswith(base_url)
        assert httpx2.get(url).content == MEDIA


def test_hosts_belong_to_the_server_that_was_built_for_them(firm: Firm) -> None:
    app = build(replace(firm.settings, public_url=PUBLIC), listens_on="archive.internal")
    scope: Any = {"type": "http", "headers": [(b"host", b"archive.internal")], "server": None}
    app.state.hosts.check(scope)
    app.state.installation.accounts.close()
