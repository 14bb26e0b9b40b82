"""A real server on a real socket, for tests of connections."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import httpx2
import uvicorn
from litestar import Litestar

from earwitness.http.connections.bounds import Bounds
from earwitness.http.connections.limited_connection import LimitedConnection
from tests.firm import Firm, give_back, take_app
from tests.waiting import until


@contextmanager
def server_of(
    firm: Firm, app: Litestar | None = None, *, bounds: Bounds | None = None, **changes: Any
) -> Iterator[str]:
    """The base URL of a server of the firm's archive, with changed settings, or of an application of its own.

    Its connections have small buffers. Leaving the block waits until the server has finished its calls.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
    served = app or take_app(replace(firm.settings, **changes))
    config = uvicorn.Config(
        served,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        ws="none",
        http=partial(LimitedConnection, bounds=bounds or Bounds()),  # type: ignore[arg-type]
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    until(lambda: server.started or not thread.is_alive(), "the server has started")
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/api"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
        if app is None:
            give_back(served)


@contextmanager
def client_of(firm: Firm, base_url: str) -> Iterator[httpx2.Client]:
    """A client, signed in as the administrator, whose connections have small buffers."""
    transport = httpx2.HTTPTransport(socket_options=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)])
    with httpx2.Client(base_url=base_url, headers=firm.headers(), transport=transport, timeout=60) as client:
        yield client
