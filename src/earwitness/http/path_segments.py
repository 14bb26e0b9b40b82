"""Lets a segment of a path have any character: `%2F` in a segment does not end it."""

from typing import Any
from urllib.parse import quote, unquote

from litestar import Request
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send


def with_escaped_slashes(app: ASGIApp) -> ASGIApp:
    """Wrap an application: an escaped slash in a path stays escaped until the request is routed.

    The server decodes the path before that, and the slash would part a segment in two.
    """

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP and "%" in _raw_path(scope):
            scope["path"] = "/".join(unquote(one).replace("/", "%2F") for one in _segments(scope))
        await app(scope, receive, send)

    return route


def segment(request: Request[Any, Any, Any], from_end: int) -> str:
    """A decoded segment of the path, counted from the end: 1 is the last. A NUL is read as U+FFFD."""
    segments = [one for one in _segments(request.scope) if one]
    return unquote(segments[-from_end]).replace("\0", "\N{REPLACEMENT CHARACTER}")


def _segments(scope: Scope) -> list[str]:
    return _raw_path(scope).split("/")


def _raw_path(scope: Scope) -> str:
    """The path as it was sent. Not every server passes it on; then the decoded path is encoded again."""
    sent = scope.get("raw_path")
    return sent.partition(b"?")[0].decode("latin-1") if sent else quote(scope["path"])
