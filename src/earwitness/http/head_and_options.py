"""Methods that every resource has beside those it states: HEAD where it has GET, and OPTIONS (RFC 9110)."""

from collections.abc import Iterable
from typing import Any

from litestar import Litestar, Request
from litestar.enums import ScopeType
from litestar.exceptions import NotFoundException
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from litestar.utils import normalize_path

_SENT = "method_sent"


def every_method(app: Litestar) -> ASGIApp:
    """Wrap what answers an application's requests. A route that states HEAD answers it itself."""
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
    """What `Allow` says of a resource that states these methods."""
    stated = {*methods}
    return ", ".join(sorted(stated | {"HEAD"} if "GET" in stated else stated))


def method_of(request: Request[Any, Any, Any]) -> str:
    """The method that was sent: HEAD also where it is answered as GET."""
    sent: str = request.scope["state"].get(_SENT, request.method)
    return sent


def _methods_at(app: Litestar, scope: HTTPScope) -> set[str]:
    """The methods that the route of a path states; none where there is no route."""
    try:
        *_, template = app.asgi_router.handle_routing(path=normalize_path(scope["path"]), method="OPTIONS")
    except NotFoundException:
        return set()
    scope["path_template"] = template
    return {method for route in app.routes if route.path_format == template for method in route.methods}


async def _get_headers(answer: ASGIApp, scope: HTTPScope, receive: Receive, send: Send) -> None:
    """Answer as GET does, without its body."""

    async def send_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            scope["method"] = "HEAD"  # servers look here when they hold the body against its length
        elif message["type"] == "http.response.body":
            message["body"] = b""
        await send(message)

    scope["state"][_SENT] = scope["method"]
    scope["method"] = "GET"
    await answer(scope, receive, send_headers)
