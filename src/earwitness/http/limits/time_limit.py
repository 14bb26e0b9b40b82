"""No call waits for ever: one that has no answer yet when its time is over is answered 503.

Its time begins anew with each piece of a body that arrives, and whoever works for it can say that it goes on
(`kernel/deadlines.py`). What hangs may hang for good, in a thread that nobody can end: the call is answered
all the same, and what comes of it later goes nowhere.
"""

import asyncio

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, ReceiveMessage, Scope, Send

from earwitness.http.answers.problems import CODE
from earwitness.http.answers.refusals import refuse
from earwitness.kernel.deadlines import Deadline, deadline
from earwitness.kernel.errors import Unavailable

MARGIN_SECONDS = 5
"""How much later than the call's own limit: what works notices that itself, and knows better what to say."""


def in_time(app: ASGIApp) -> ASGIApp:
    """Wrap an application, so that each request has an answer in time."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        call = _Call(scope, receive, send)
        deadline.set(call.deadline)
        try:
            await app(scope, call.take, call.tell)
        finally:
            call.end()

    return answer


class _Call:
    """A request on its way, and the clock that runs meanwhile."""

    def __init__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        self._installation = scope["litestar_app"].state.installation
        self.deadline = Deadline(self._installation.settings.request_seconds)
        self._scope, self._receive, self._send = scope, receive, send
        self._method = scope["method"]
        self._waits_for_client = False
        self._body_is_whole = self._has_begun = self._is_given_up = False
        self._given_up: asyncio.Task[None] | None = None
        self._timer = self._look_in(self.deadline.seconds_left)

    async def take(self) -> ReceiveMessage:
        """Give the next piece of the body; the time that its sender takes is not ours."""
        if self._body_is_whole:
            return await self._receive()
        self._waits_for_client = True
        try:
            message = await self._receive()
        finally:
            self._waits_for_client = False
            self.deadline.moved()
        self._body_is_whole = not message.get("more_body", False)
        return message

    async def tell(self, message: Message) -> None:
        if self._is_given_up:
            return
        self._has_begun = True
        await self._send(message)
        self.deadline.moved()

    def end(self) -> None:
        self._timer.cancel()

    def _look_in(self, seconds: float) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(seconds + MARGIN_SECONDS, self._look)

    def _look(self) -> None:
        """See whether the time is over: once the answer has begun, it is its own."""
        if self._has_begun:
            return
        if self._waits_for_client:
            self.deadline.moved()
        if (left := self.deadline.seconds_left) > -MARGIN_SECONDS:
            self._timer = self._look_in(left)
            return
        self._is_given_up = True
        self._given_up = asyncio.get_running_loop().create_task(self._give_up())

    async def _give_up(self) -> None:
        problem = Unavailable(
            "Something that the server depends on does not answer. What was asked for may still be done.",
            headers={"Retry-After": "5"},
        )
        self._installation.metrics.failures.labels(problem.code).inc()
        self._scope["state"][CODE] = problem.code
        self._scope["method"] = self._method  # HEAD is worked on as GET, and its answer has no body
        await refuse(problem, self._scope, self._send)
