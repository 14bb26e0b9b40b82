"""Runs `earwitness serve` in its own process, on a free port of this machine."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2

from earwitness.archive.access.users import add_api_key, add_user
from earwitness.archive.accounts.accounts import Accounts
from earwitness.kernel.rights import Role
from earwitness.kernel.settings import Settings
from tests.cli.running import running
from tests.firm import ADMIN, CLIENT_ID
from tests.waiting import until

Credentials = dict[str, Any]


@dataclass
class Server:
    """A server, and a client that is signed in to it."""

    client: httpx2.Client
    process: subprocess.Popen[str]

    @property
    def port(self) -> int:
        port = self.client.base_url.port
        assert port is not None
        return port


def administrator(settings: Settings) -> Credentials:
    """Add an administrator, and return the body of its sign-in."""
    accounts = Accounts(settings)
    with accounts.open(CLIENT_ID).write() as connection:
        _, api_key = add_api_key(connection, add_user(connection, ADMIN, [Role.ADMIN]))
    accounts.close()
    return {"clientId": CLIENT_ID, "username": ADMIN, "apiKey": api_key}


@contextmanager
def server(settings: Settings, credentials: Credentials) -> Iterator[Server]:
    """A server, killed at the end with everything it started."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with running(settings, "serve", "--port", port) as process, httpx2.Client(timeout=60) as client:
        client.base_url = httpx2.URL(f"http://127.0.0.1:{port}/api")
        until(lambda: _is_ready(client, process), "the server is ready", seconds=60)
        token = client.post("/authWithApiKey", json=credentials).json()["token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield Server(client, process)


def _is_ready(client: httpx2.Client, process: subprocess.Popen[str]) -> bool:
    assert process.poll() is None, "the server has ended"
    try:
        return client.get(client.base_url.copy_with(path="/readyz")).status_code == 200
    except httpx2.TransportError:
        return False
