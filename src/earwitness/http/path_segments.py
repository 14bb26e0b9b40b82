"""Paths whose segments may hold any character: `%2F` in one is a slash of its own, and parts nothing."""

from typing import Any
from urllib.parse import quote, unquote

from litestar import Request
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send


def whole_segments(app: ASGIApp) -> ASGIApp:
    """Wrap an application so that it routes by segments as they were sent.

    Servers decode the path before it is routed; here an escaped slash stays escaped.
    """

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP and "%" in _raw_path(scope):
            scope["path"] = "/".join(unquote(one).replace("/", "%2F") for one in _segments(scope))
        await app(scope, receive, send)

    return route


def segment(request: Request[Any, Any, Any], from_end: int) -> str:
    """A segment of the path, decoded: the last is the first from the end. A NUL reads as U+FFFD."""
    segments = [one for one in _segments(request.scope) if one]
    return unquote(segments[-from_end]).replace("\0", "\N{REPLACEMENT CHARACTER}")


def _segments(scope: Scope) -> list[str]:
    return _raw_path(scope).split("/")


def _raw_path(scope: Scope) -> str:
    """The path as it was sent; servers need not tell it."""
    sent = scope.get("raw_path")
    return sent.partition(b"?")[0].decode("latin-1") if sent else quote(scope["path"])
