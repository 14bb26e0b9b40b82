"""The end of a connection: why it comes, and how a client sees that."""

from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from earwitness.http.answers.headers import NO_SNIFFING, NO_STORING
from earwitness.http.answers.refusals import written
from earwitness.kernel.errors import Problem, TooSlow, Unavailable


class Parting:
    """The transport of the last answer of a connection, which is closed once the client could see it."""

    __slots__ = ("close", "is_closing", "write")

    def __init__(self, transport: Any, close: Callable[[], None]) -> None:
        self.close = close
        self.is_closing = transport.is_closing
        self.write = transport.write


def last_if_unasked(app: Any, cycle: Any) -> Any:
    """Close the connection after an answer that was given without asking for the body."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        async def tell(message: Any) -> None:
            if cycle.waiting_for_100_continue:
                cycle.keep_alive = False
            await send(message)

        await app(scope, receive, tell)

    return answer


def slow(what: str) -> Problem:
    return TooSlow(f"The {what} of the request took too long to come.")


def full() -> Problem:
    return Unavailable(
        "There are as many connections as the server takes.",
        code="connections-taken",
        headers={"Retry-After": "1"},
    )


def as_bytes(problem: Problem) -> bytes:
    """A problem as an answer, the last of its connection."""
    headers, body = written(problem)
    headers += [NO_SNIFFING, NO_STORING, (b"connection", b"close")]
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
    return STATUS_LINE[int(problem.status)] + lines + b"\r\n" + body
