"""Logs and counts every request, and answers with the request's id in `X-Request-Id`."""

import logging
import re
import secrets
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, ReceiveMessage, Scope, Send

from earwitness.http.answers.problems import CAUSE, CODE
from earwitness.http.monitoring.metrics import Metrics
from earwitness.kernel.errors import ClientLeft
from earwitness.kernel.logs import request_id

log = logging.getLogger("earwitness.requests")

_USABLE_ID = re.compile(rb"[\w.-]{1,64}", re.ASCII)


@dataclass(slots=True)
class _Exchange:
    """A request and its answer, as far as they were sent."""

    method: str
    began: float = field(default_factory=time.monotonic)
    status: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    has_left: bool = False
    is_logged: bool = False

    def log(self, scope: Scope) -> None:
        """Log and count it, once, under the template of its route: the path itself has ids."""
        if self.is_logged:
            return
        self.is_logged = True
        route, metrics, code = route_of(scope), _metrics(scope), scope["state"].get(CODE)
        if self.has_left and not 0 < self.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            self.status, code = ClientLeft.status, ClientLeft.default_code  # the client got no answer
        seconds = time.monotonic() - self.began
        fields: dict[str, object] = {"method": self.method, "route": route, "status": self.status}
        fields["milliseconds"] = round(seconds * 1000, 1)
        reasons = {"code": code, "cause": scope["state"].get(CAUSE)}
        fields |= {name: value for name, value in reasons.items() if value}
        log.log(_level_of(self.status), "request", extra={"fields": fields})
        labels = (self.method, route, str(self.status))
        metrics.requests.labels(*labels).inc()
        metrics.seconds.labels(*labels).observe(seconds)
        metrics.bytes_in.labels(route).inc(self.bytes_in)
        metrics.bytes_out.labels(route).inc(self.bytes_out)


def with_request_log(app: ASGIApp) -> ASGIApp:
    """Wrap an application: log and count requests. A caller's own `X-Request-Id` is kept if it is plain."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        own_id = dict(scope["headers"]).get(b"x-request-id", b"")
        current = own_id.decode() if _USABLE_ID.fullmatch(own_id) else secrets.token_hex(8)
        request_id.set(current)
        exchange = _Exchange(scope["method"])

        async def take() -> ReceiveMessage:
            message: Any = await receive()
            exchange.bytes_in += len(message.get("body", b""))
            exchange.has_left = message["type"] == "http.disconnect"
            return message  # type: ignore[no-any-return]

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                message["headers"] = [*message.get("headers", []), (b"x-request-id", current.encode())]
            elif message["type"] == "http.response.body":
                exchange.bytes_out += len(message.get("body", b""))
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                exchange.log(scope)  # the client has its answer now

        try:
            await app(scope, take, tell)
        except Exception:
            _metrics(scope).failures.labels("broken-off").inc()
            raise
        finally:
            exchange.log(scope)

    return answer


def _level_of(status: int) -> int:
    """An error needs an operator; a warning passes by itself."""
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return logging.WARNING
    return logging.ERROR if status >= HTTPStatus.INTERNAL_SERVER_ERROR else logging.INFO


def route_of(scope: Scope) -> str:
    """The template of the path that was requested."""
    return scope.get("path_template") or "unmatched"


def _metrics(scope: Scope) -> Metrics:
    metrics: Metrics = scope["litestar_app"].state.installation.metrics
    return metrics
