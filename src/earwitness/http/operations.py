"""Routes of operations: authenticate → right → decode → transaction(function) + ledger → encode.

An operation is declared in `operations/operations.py`, apart from HTTP; `handler_of` makes its route.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import msgspec
from anyio import CancelScope, to_thread
from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler

from earwitness.archive.access.viewer import Viewer
from earwitness.archive.database.time_limits import Allowance
from earwitness.http.audit import action_of
from earwitness.http.authenticate import archive_of, claims_of, viewer_of
from earwitness.http.decode import parse, path_id
from earwitness.http.installation import Installation
from earwitness.http.limits.slow_calls import SlowCalls
from earwitness.http.playback.download import Download
from earwitness.kernel.errors import Problem
from earwitness.operations.decode import decode
from earwitness.operations.operations import Answer, Call, Operation
from earwitness.operations.running import change, read, record_audit, run

AnyRequest = Request[Any, Any, Any]

MAX_BODY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Afterwards:
    """An answer of bytes. It is made after the transaction has ended and its connection is free."""

    make: Callable[[Installation], Response[Any]]


def handlers_of(declared: Iterable[Operation | HTTPRouteHandler]) -> list[HTTPRouteHandler]:
    """The route handlers of operations; what is a route handler already stays as it is."""
    return [handler_of(one) if isinstance(one, Operation) else one for one in declared]


@cache
def handler_of(operation: Operation) -> HTTPRouteHandler:
    """Make the route handler of an operation. The handler's options have the operation as `operation`."""

    async def answer(request: AnyRequest) -> Response[Any]:
        installation: Installation = request.app.state.installation
        claims = claims_of(installation, request)  # without a token, nothing of the body is read
        body = b"" if operation.reads_query else await request.body()

        def work(allowed: Allowance) -> Awaitable[Response[Any]]:
            return to_thread.run_sync(_answer, operation, request, body, allowed)

        seconds = installation.settings.request_seconds
        if operation.slow:
            slow_calls: SlowCalls = request.app.state.slow_calls
            answered = partial(_answer, operation, request, body, Allowance(seconds))
            return await slow_calls.run(int(claims["client"]), answered)
        if not operation.is_quick:
            return await work(Allowance(seconds))
        return await installation.priority_lanes.run(work, seconds, partial(_has_left, request))

    return HTTPRouteHandler(
        litestar_path(operation.path),
        http_method=operation.method,
        status_code=operation.status,
        name=f"{operation.method} {operation.path}",
        opt={"operation": operation, "right": operation.right},
        include_in_schema=False,
        request_max_body_size=MAX_BODY_BYTES,
    )(answer)


def litestar_path(path: str) -> str:
    """A documented path as Litestar declares it: `{id:str}` for `{id}`; `{path:path}` stays."""
    return re.sub(r"\{(\w+)\}", r"{\1:str}", path)


async def _has_left(request: AnyRequest) -> bool:
    """Whether the client, whose body has been read, closed the connection."""
    with CancelScope() as at_once:
        at_once.cancel()
        message = await request.receive()
        return message["type"] == "http.disconnect"
    return False


def _answer(operation: Operation, request: AnyRequest, body: bytes, allowed: Allowance) -> Response[Any]:
    """Run an operation for a request, in a thread."""
    installation: Installation = request.app.state.installation
    claims = claims_of(installation, request)
    archive = archive_of(installation, claims)
    viewer: Viewer | None = None
    sent: Any = None

    def record(response_code: int) -> None:
        if viewer:
            record_audit(operation, archive, action, viewer, sent, response_code)

    try:
        # The viewer is looked up in a reading transaction, so that a refused write never waits for its turn.
        with archive.read(allowed) as connection:
            viewer = viewer_of(connection, installation, request, claims)
            action = action_of(request, viewer, operation.path, operation.description)
            try:
                sent = parse(request, body, from_query=operation.reads_query)
            finally:  # a missing right is reported before faults in what was sent
                viewer.require(*operation.any_of)
            decoded = decode(operation, sent)
            accounts, signing_key = installation.accounts, installation.tokens.signing_key
            call = Call(accounts, signing_key, archive, viewer, connection, action, path_id(request))
            call = operation.prepared(call, decoded)
            runs_here = not (operation.writes or operation.beforehand)
            answer = run(operation, call, decoded) if runs_here else None
        if operation.writes:
            answer = change(operation, call, decoded, response_code=operation.status)
        elif operation.beforehand:
            answer = read(operation, call, decoded, allowed)
        if isinstance(answer, Afterwards):
            answer = answer.make(installation)
    except Problem as problem:
        record(int(problem.status))
        raise
    if not operation.writes:
        with _closed_unless_sent(answer):
            record(operation.status)
    return encode(answer, operation.status, operation.content_type)


@contextmanager
def _closed_unless_sent(answer: Any) -> Iterator[None]:
    """Close a download if the block fails, since it is then not sent."""
    with ExitStack() as unsent:
        if isinstance(answer, Download):
            unsent.callback(answer.close)
        yield
        unsent.pop_all()


def encode(answer: Any, status: int, content_type: str = "") -> Response[Any]:
    """Encode an answer as JSON. `X-Total-Count` is the length of a list, unless the answer says otherwise.

    An answer of another `content_type` is a text, and is sent as it is.
    """
    if isinstance(answer, Response):
        return answer
    if not isinstance(answer, Answer):
        answer = Answer(answer, status)
    headers = dict(answer.headers)
    if isinstance(answer.body, Sequence) and not isinstance(answer.body, str | bytes):
        headers.setdefault("X-Total-Count", str(len(answer.body)))
    return Response(
        answer.body.encode() if content_type else msgspec.json.encode(answer.body),
        status_code=answer.status,
        headers=headers,
        media_type=content_type or "application/json",
    )
