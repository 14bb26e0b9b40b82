"""Headers of every answer: browsers keep to its stated type, and no cache stores data of an account."""

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

NO_SNIFFING = (b"x-content-type-options", b"nosniff")
NO_STORING = (b"cache-control", b"no-store")

_OPEN_TO_ALL = ("/", "/healthz", "/readyz", "/api/schema", "/api/schema/openapi.json")
"""Paths whose answers hold no data of an account."""


def with_headers(app: ASGIApp) -> ASGIApp:
    """Wrap an application: add the headers. An answer keeps a `Cache-Control` of its own."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        may_be_stored = scope["path"] in _OPEN_TO_ALL

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", []))
                headers.append(NO_SNIFFING)
                if not may_be_stored and not any(name.lower() == b"cache-control" for name, _ in headers):
                    headers.append(NO_STORING)
                message["headers"] = headers
            await send(message)

        await app(scope, receive, tell)

    return answer
