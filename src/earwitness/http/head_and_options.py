"""Answers the methods that no route declares: OPTIONS, and HEAD for routes of GET (RFC 9110)."""

from collections.abc import Iterable
from typing import Any

from litestar import Litestar, Request
from litestar.enums import ScopeType
from litestar.exceptions import NotFoundException
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from litestar.utils import normalize_path

_SENT = "method_sent"


def with_head_and_options(app: Litestar) -> ASGIApp:
    """Wrap an application's handler. A route that declares HEAD answers it itself."""
    answer = app.asgi_handler

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["method"] not in {"HEAD", "OPTIONS"}:
            await answer(scope, receive, send)
            return
        methods = _methods_at(app, scope)
        if methods and scope["method"] == "OPTIONS":
            headers = [(b"allow", allowed(methods).encode())]
            await send({"type": "http.response.start", "status": 204, "headers": headers})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        elif "GET" in methods and "HEAD" not in methods:
            await _get_headers(answer, scope, receive, send)
        else:
            await answer(scope, receive, send)

    return route


def allowed(methods: Iterable[str]) -> str:
    """The `Allow` header of a path whose routes declare these methods."""
    declared = {*methods}
    return ", ".join(sorted(declared | {"HEAD"} if "GET" in declared else declared))


def method_of(request: Request[Any, Any, Any]) -> str:
    """The method that was sent: HEAD, too, if the request is handled as GET."""
    sent: str = request.scope["state"].get(_SENT, request.method)
    return sent


def _methods_at(app: Litestar, scope: HTTPScope) -> set[str]:
    """The methods that the routes of a path declare; none if there is no route."""
    try:
        *_, template = app.asgi_router.handle_routing(path=normalize_path(scope["path"]), method="OPTIONS")
    except NotFoundException:
        return set()
    scope["path_template"] = template
    return {method for route in app.routes if route.path_format == template for method in route.methods}


async def _get_headers(answer: ASGIApp, scope: HTTPScope, receive: Receive, send: Send) -> None:
    """Answer as GET, without the body."""

    async def send_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            scope["method"] = "HEAD"  # the server compares the body with its length unless this is HEAD
        elif message["type"] == "http.response.body":
            message["body"] = b""
        await send(message)

    scope["state"][_SENT] = scope["method"]
    scope["method"] = "GET"
    await answer(scope, receive, send_headers)
