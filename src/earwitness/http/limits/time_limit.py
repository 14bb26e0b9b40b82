"""Gives every call a time limit: a call that has no answer when its time is over is answered 503.

The time starts again with each part of a body that arrives, and when the work says that it goes on
(`kernel/deadlines.py`). Something that hangs may hang for ever, in a thread that cannot be ended. The call is
answered nevertheless, and a late answer is dropped.
"""

import asyncio

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, ReceiveMessage, Scope, Send

from earwitness.http.answers.problems import CODE
from earwitness.http.answers.refusals import refuse
from earwitness.kernel.deadlines import Deadline, deadline
from earwitness.kernel.errors import Unavailable

MARGIN_SECONDS = 5
"""How much later a call is answered here. The work itself notices the limit first, and can say more."""


def with_time_limit(app: ASGIApp) -> ASGIApp:
    """Wrap an application: every request is answered in time."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        timed = _TimedRequest(scope, receive, send)
        deadline.set(timed.deadline)
        try:
            await app(scope, timed.receive, timed.send)
        finally:
            timed.end()

    return answer


class _TimedRequest:
    """A request, and the timer that runs while it is answered."""

    def __init__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        self._installation = scope["litestar_app"].state.installation
        self.deadline = Deadline(self._installation.settings.request_seconds)
        self._scope, self._receive, self._send = scope, receive, send
        self._method = scope["method"]
        self._waits_for_client = False
        self._body_is_whole = self._has_begun = self._is_given_up = False
        self._given_up: asyncio.Task[None] | None = None
        self._timer = self._check_in(self.deadline.seconds_left)

    async def receive(self) -> ReceiveMessage:
        """Give the next part of the body. The time that the client takes for it does not count."""
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

    async def send(self, message: Message) -> None:
        if self._is_given_up:
            return
        self._has_begun = True
        await self._send(message)
        self.deadline.moved()

    def end(self) -> None:
        self._timer.cancel()

    def _check_in(self, seconds: float) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(seconds + MARGIN_SECONDS, self._check)

    def _check(self) -> None:
        """Check whether the time is over. Once the answer has begun, it has a limit of its own."""
        if self._has_begun:
            return
        if self._waits_for_client:
            self.deadline.moved()
        if (left := self.deadline.seconds_left) > -MARGIN_SECONDS:
            self._timer = self._check_in(left)
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
        self._scope["method"] = self._method  # HEAD is handled as GET, but its answer has no body
        await refuse(problem, self._scope, self._send)
