"""What every answer carries: the request's id in `X-Request-Id`, and one line in the log."""

import logging
import re
import secrets
import time

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from earwitness.kernel.logs import request_id

log = logging.getLogger("earwitness.requests")

_USABLE_ID = re.compile(rb"[\w.-]{1,64}", re.ASCII)


def observed(app: ASGIApp) -> ASGIApp:
    """Wrap an application. A caller's own `X-Request-Id` is kept if it is plain."""

    async def observe(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(b"x-request-id", b"")
        current = given.decode() if _USABLE_ID.fullmatch(given) else secrets.token_hex(8)
        request_id.set(current)
        began = time.monotonic()
        status = 0

        async def tell(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", []), (b"x-request-id", current.encode())]
            await send(message)

        try:
            await app(scope, receive, tell)
        finally:
            fields = {"method": scope["method"], "path": scope["path"], "status": status}
            fields["milliseconds"] = round((time.monotonic() - began) * 1000, 1)
            log.info("request", extra={"fields": fields})

    return observe
