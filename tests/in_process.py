"""Runs an application in the process of the tests, for a client without sockets."""

import asyncio
from concurrent.futures import Future
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote

import httpx2
from anyio.from_thread import BlockingPortal, start_blocking_portal
from litestar import Litestar

HOST = "testserver.local"


class InProcess(httpx2.BaseTransport):
    """Starts an application in the event loop of a thread, hands it requests, and shuts it down.

    The client gets an answer when it is complete. An answer that breaks off becomes a 500 without a body.
    """

    def __init__(self, app: Litestar) -> None:
        self._app = app
        self._running = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as running:
            self._portal: BlockingPortal = running.enter_context(start_blocking_portal())
            running.enter_context(self._portal.wrap_async_context_manager(self._app.lifespan()))
            self._running = running.pop_all()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self._running.close()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        return self._portal.call(self._answer, request, request.read())

    def begin(self, request: httpx2.Request) -> Future[httpx2.Response]:
        """Hand over a request whose answer comes later. If the future is cancelled, the client leaves."""
        return self._portal.start_task_soon(self._answer, request, request.read())

    async def _answer(self, request: httpx2.Request, body: bytes) -> httpx2.Response:
        answer = _Answer(request.method, body)
        try:
            await self._app(_scope_of(request), answer.receive, answer.send)  # type: ignore[arg-type]
        except Exception:
            answer = _Answer(request.method, b"")
        stream = httpx2.ByteStream(bytes(answer.body))
        return httpx2.Response(answer.status, headers=answer.headers, stream=stream, request=request)


class _Answer:
    """One request: the messages for the application, and its answer so far."""

    def __init__(self, method: str, body: bytes) -> None:
        self.status = 500
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = bytearray()
        self._method = method
        self._unread: bytes | None = body
        self._is_whole = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        if self._unread is None:
            await self._is_whole.wait()
            return {"type": "http.disconnect"}
        body, self._unread = self._unread, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: dict[str, Any]) -> None:
        assert not self._is_whole.is_set(), "the answer was whole already"
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message.get("headers", ()))
            return
        if self._method != "HEAD":
            self.body += message.get("body", b"")
        if not message.get("more_body", False):
            self._is_whole.set()


def _scope_of(request: httpx2.Request) -> dict[str, Any]:
    url = request.url
    return {
        "type": "http",
        "http_version": "1.1",
        "method": request.method,
        "scheme": url.scheme,
        "path": unquote(url.path),
        "raw_path": url.raw_path,
        "query_string": url.query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": ("testclient", 50000),
        "server": (url.host, url.port or 80),
        "extensions": {},
    }
