"""Sending media. A thread makes the chunks; everything is freed when the answer ends or the client leaves."""

import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import nullcontext
from typing import Any
from urllib.parse import quote

from anyio import CancelScope, CapacityLimiter, fail_after, to_thread
from litestar import Request, Response
from litestar.response.base import ASGIResponse
from litestar.response.streaming import ASGIStreamingResponse
from litestar.types import Message, Receive, Scope, Send

from earwitness.http.limits.fair_queue import FairQueue

# Handing work to a thread costs about 0.1 ms, decrypting this much 0.3 ms. It is a little less than one read.
_ENOUGH_BYTES = 1_000_000
_LONGEST_TURN_SECONDS = 0.01

STALLED_SECONDS = 120
"""How long a client may take nothing of a download before its connection is closed."""
# A client has to take one piece in that time. A player that reads at 32 kbit/s, as it plays, does.
_PIECE_BYTES = 256 << 10


class Whole(Response[bytes]):
    """A short answer, whose whole content is read before it begins."""

    def to_asgi_response(self, app: Any, request: Request[Any, Any, Any], **_: Any) -> ASGIResponse:
        is_head = request.method == "HEAD"
        return ASGIResponse(
            body=b"" if is_head else self.content,
            headers=self.headers,
            status_code=self.status_code,
            is_head_response=is_head,
        )


class Download(Response[Any]):
    """An answer that is sent in chunks. An error breaks the connection, so that the client notices.

    `close` is called at the end, however it ends. A caller that does not send the answer has to call it.
    Chunks that need only the processor take turns with quick calls in the fair queue, because all of them at
    once would be slower.
    """

    def __init__(
        self,
        chunks: Iterator[bytes],
        close: Callable[[], None],
        *,
        headers: dict[str, str],
        status: int = 200,
        fair_queue: FairQueue | None = None,
        stalled_seconds: float = STALLED_SECONDS,
    ) -> None:
        super().__init__(None, status_code=status, headers=headers)
        self.close = close
        self._chunks = chunks
        self._fair_queue = fair_queue
        self._stalled_seconds = stalled_seconds

    def to_asgi_response(self, app: Any, request: Request[Any, Any, Any], **_: Any) -> ASGIResponse:
        return _Flow(
            self.close,
            iterator=_threaded(self._chunks, self._fair_queue, request.app.state.store_calls),
            limiter=request.app.state.store_calls,
            stalled_seconds=self._stalled_seconds,
            headers=self.headers,
            status_code=self.status_code,
            is_head_response=request.method == "HEAD",
        )


class _Flow(ASGIStreamingResponse):
    __slots__ = ("_close", "_limiter", "_stalled_seconds")

    def __init__(
        self, close: Callable[[], None], limiter: CapacityLimiter, stalled_seconds: float, **arguments: Any
    ) -> None:
        super().__init__(**arguments)
        self._close = close
        self._limiter = limiter
        self._stalled_seconds = stalled_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_in_time(message: Message) -> None:
            with fail_after(self._stalled_seconds):  # `send` waits until the client took what was sent before
                await send(message)

        try:
            await super().__call__(scope, receive, send_in_time)
        finally:
            with CancelScope(shield=True):
                await to_thread.run_sync(self._close, limiter=self._limiter)


async def _threaded(
    chunks: Iterator[bytes], fair_queue: FairQueue | None, limiter: CapacityLimiter
) -> AsyncIterator[bytes]:
    enough = 0  # the first chunk leaves at once
    while True:
        async with fair_queue.take() if fair_queue else nullcontext():
            batch = await to_thread.run_sync(_batch, chunks, enough, limiter=limiter)
        if batch is None:
            break
        for start in range(0, len(batch), _PIECE_BYTES):
            yield batch[start : start + _PIECE_BYTES]
        enough = _ENOUGH_BYTES


def _batch(chunks: Iterator[bytes], enough: int) -> bytes | None:
    """The next chunks as one, None at the end: as many as are worth a turn in a thread, fewer if slow."""
    batch: list[bytes] = []
    size, until = 0, time.monotonic() + _LONGEST_TURN_SECONDS
    for chunk in chunks:
        batch.append(chunk)
        size += len(chunk)
        if size >= enough or time.monotonic() > until:
            break
    return b"".join(batch) if batch else None


def content_disposition(file_name: str, kind: str = "attachment") -> str:
    """`attachment` or `inline`, with a file name (RFC 6266), whatever characters it has.

    A file name cannot have the characters that separate folders, and some clients read `%` as an escape.
    """
    name = "".join(char if char.isprintable() and char not in "/\\" else "_" for char in file_name)
    plain = re.sub(r'["%?]', "_", name.encode("ascii", "replace").decode())
    if plain == name:
        return f'{kind}; filename="{plain}"'
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
