"""Sending media: chunks are made in a thread, and everything is freed when it ends or the client leaves."""

import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from urllib.parse import quote

from anyio import CancelScope, to_thread
from litestar import Request, Response
from litestar.response.base import ASGIResponse
from litestar.response.streaming import ASGIStreamingResponse
from litestar.types import Receive, Scope, Send

_ENOUGH_BYTES = 256 << 10
_LONGEST_TURN_SECONDS = 0.01


class Download(Response[Any]):
    """An answer that flows. An error on the way breaks the connection: it never ends cleanly.

    `close` is called at the end, whatever the end is.
    """

    def __init__(
        self,
        chunks: Iterator[bytes],
        close: Callable[[], None],
        *,
        headers: dict[str, str],
        status: int = 200,
    ) -> None:
        super().__init__(None, status_code=status, headers=headers)
        self._chunks = chunks
        self._close = close

    def to_asgi_response(self, app: Any, request: Request[Any, Any, Any], **_: Any) -> ASGIResponse:
        return _Flow(
            self._close,
            iterator=_threaded(self._chunks),
            headers=self.headers,
            status_code=self.status_code,
            is_head_response=request.method == "HEAD",
        )


class _Flow(ASGIStreamingResponse):
    __slots__ = ("_close",)

    def __init__(self, close: Callable[[], None], **given: Any) -> None:
        super().__init__(**given)
        self._close = close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            with CancelScope(shield=True):
                await to_thread.run_sync(self._close)


async def _threaded(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    enough = 0  # the first leaves at once
    while batch := await to_thread.run_sync(_batch, chunks, enough):
        for chunk in batch:
            yield chunk
        enough = _ENOUGH_BYTES


def _batch(chunks: Iterator[bytes], enough: int) -> list[bytes]:
    """The next chunks, as many as a turn in a thread is worth; few where they are made slowly."""
    batch: list[bytes] = []
    size, until = 0, time.monotonic() + _LONGEST_TURN_SECONDS
    for chunk in chunks:
        batch.append(chunk)
        size += len(chunk)
        if size >= enough or time.monotonic() > until:
            break
    return batch


def content_disposition(file_name: str, kind: str = "attachment") -> str:
    """`attachment` or `inline`, with a file name (RFC 6266), whatever characters it has.

    No file can be named with what separates folders, and some clients read `%` as an escape.
    """
    name = "".join(char if char.isprintable() and char not in "/\\" else "_" for char in file_name)
    plain = re.sub(r'["%?]', "_", name.encode("ascii", "replace").decode())
    if plain == name:
        return f'{kind}; filename="{plain}"'
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
