"""Which hosts a server answers for, by what it listens on and where a request arrived."""

from typing import Any

import pytest

from earwitness.http.hosts import Hosts
from earwitness.kernel.errors import BadRequest, Misdirected


def check(named: str, host: str, arrived_at: str | None) -> None:
    server = (arrived_at, 8080) if arrived_at else None
    scope: Any = {"type": "http", "headers": [(b"host", host.encode())], "server": server}
    Hosts(listens_on=named).check(scope)


@pytest.mark.parametrize(
    ("named", "host", "arrived_at"),
    [
        ("", "192.168.1.5:8080", "192.168.1.5"),
        ("", "192.168.1.5", "::ffff:192.168.1.5"),
        ("", "[2001:DB8::5]:8080", "2001:db8:0::5"),
        ("archive.internal", "Archive.Internal:8080", "192.168.1.5"),
        ("0.0.0.0", "0.0.0.0:8080", "127.0.0.1"),
    ],
)
def test_a_host_of_this_server(named: str, host: str, arrived_at: str | None) -> None:
    check(named, host, arrived_at)


@pytest.mark.parametrize(
    ("named", "host", "arrived_at"),
    [
        ("", "192.168.1.6:8080", "192.168.1.5"),
        ("archive.internal", "evil.example", "192.168.1.5"),
        ("archive.internal", "archive.internal.evil.example", "192.168.1.5"),
        ("::", "evil.example", "2001:db8::5"),
        ("", "evil.example", None),
    ],
)
def test_a_host_of_another_server(named: str, host: str, arrived_at: str | None) -> None:
    with pytest.raises(Misdirected):
        check(named, host, arrived_at)


@pytest.mark.parametrize("host", ["localhost%.evil.example", "127.0.0.1%2eevil.example:80", "[::1%25lo]"])
def test_a_host_that_clients_read_differently_is_refused(host: str) -> None:
    with pytest.raises(BadRequest):
        check("", host, "127.0.0.1")
