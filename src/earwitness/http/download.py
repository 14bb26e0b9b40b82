"""Sending media: chunks are made in a thread, and everything is freed when it ends or the client leaves."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from urllib.parse import quote

from anyio import CancelScope, to_thread
from litestar import Response
from litestar.response.base import ASGIResponse
from litestar.response.streaming import ASGIStreamingResponse
from litestar.types import Receive, Scope, Send


class Download(Response[Any]):
    """An answer that flows. An error on the way breaks the connection: it never ends cleanly."""

    def __init__(
        self, chunks: Iterator[bytes], close: Callable[[], None], *, media_type: str, headers: dict[str, str]
    ) -> None:
        super().__init__(None, status_code=200, media_type=media_type, headers=headers)
        self._chunks = chunks
        self._close = close

    def to_asgi_response(self, *_: Any, **__: Any) -> ASGIResponse:
        return _Flow(
            self._close,
            iterator=_threaded(self._chunks),
            headers=self.headers,
            media_type=self.media_type,
            status_code=200,
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
    while chunk := await to_thread.run_sync(next, chunks, b""):
        yield chunk


def content_disposition(file_name: str) -> str:
    """`attachment` with a file name (RFC 6266), whatever characters it has."""
    name = "".join(char if char.isprintable() and char not in '/\\"' else "_" for char in file_name)
    plain = name.encode("ascii", "replace").decode().replace("?", "_")
    if plain == name:
        return f'attachment; filename="{plain}"'
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
