"""How a connection ends: the problems that end it, and how a client gets to see them."""

from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from earwitness.http.answers.headers import NO_SNIFFING, NO_STORING
from earwitness.http.answers.refusals import encoded
from earwitness.kernel.errors import Problem, TooSlow, Unavailable


class LastAnswerTransport:
    """The transport of a connection's last answer. The connection is closed once the client could read it."""

    __slots__ = ("close", "is_closing", "write")

    def __init__(self, transport: Any, close: Callable[[], None]) -> None:
        self.close = close
        self.is_closing = transport.is_closing
        self.write = transport.write


def close_if_body_unread(app: Any, cycle: Any) -> Any:
    """Wrap an application: close the connection after an answer that did not ask for the body."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        async def tell(message: Any) -> None:
            if cycle.waiting_for_100_continue:
                cycle.keep_alive = False
            await send(message)

        await app(scope, receive, tell)

    return answer


def too_slow(what: str) -> Problem:
    return TooSlow(f"The {what} of the request took too long to arrive.")


def too_many_connections() -> Problem:
    return Unavailable(
        "The server has too many connections. Try again later.",
        code="connections-taken",
        headers={"Retry-After": "1"},
    )


def as_bytes(problem: Problem) -> bytes:
    """A problem as the last answer of its connection."""
    headers, body = encoded(problem)
    headers += [NO_SNIFFING, NO_STORING, (b"connection", b"close")]
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
    return STATUS_LINE[int(problem.status)] + lines + b"\r\n" + body
