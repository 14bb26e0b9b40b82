"""The road of a request: authenticate → right → decode → transaction(handler) + ledger → encode.

`read`, `write` and `public` turn a plain function into a route. The function states its right, takes
the call and (if it takes anything) what was sent as one struct, and returns what is answered.
"""

import inspect
import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Generic, Literal, TypeVar, get_type_hints

import msgspec
from anyio import CancelScope, to_thread
from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler
from sqlalchemy import Connection

from earwitness.archive.access.viewer import Viewer
from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.database.time_limits import Allowance
from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.ledger import Action, AuditSubjects, Entry
from earwitness.http import decode
from earwitness.http.installation import Installation
from earwitness.http.methods import method_of
from earwitness.http.playback.download import Download
from earwitness.http.signed_in import archive_of, claims_of, viewer_of
from earwitness.kernel.errors import Problem
from earwitness.kernel.logs import request_id
from earwitness.kernel.rights import Right

AnyRequest = Request[Any, Any, Any]
Declare = Callable[[Callable[..., Any]], HTTPRouteHandler]
Method = Literal["GET", "POST", "PUT", "DELETE", "HEAD"]
Rights = Right | tuple[Right, ...]
"""The right that a call needs, or several of which any one is enough."""

MAX_BODY_BYTES = 1 << 20

Body = TypeVar("Body")


@dataclass(frozen=True, slots=True)
class Audit:
    """How the ledger remembers a route: its words, and which recordings the thing sent names."""

    description: str
    names: Callable[[Any], AuditSubjects]
    metadata: Callable[[Any], dict[str, object] | None] = lambda _sent: None


@dataclass(frozen=True, slots=True)
class Call:
    """What a handler is given: who asks, in whose archive, in which transaction."""

    installation: Installation
    archive: Archive
    viewer: Viewer
    connection: Connection
    action: Action
    id: int = 0
    """The `{id}` of the path, where the route has one."""
    entries: list[Entry] = field(default_factory=list)

    def changed(self, entity_name: str, entity_id: int, metadata: dict[str, object] | None = None) -> None:
        """Note a change for the ledger; it is written with the change."""
        self.entries.append(Entry(entity_id, entity_name, metadata))

    def changed_recording(self, interaction_id: int, metadata: dict[str, object] | None = None) -> None:
        self.entries.append(Entry(interaction_id, metadata=metadata))


@dataclass(frozen=True, slots=True)
class Answer(Generic[Body]):
    """An answer that is more than its body: a status or headers beside it. `Answer[Body]` is documented."""

    body: Body
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Afterwards:
    """An answer that is still to be made, once the transaction is over and its connection given back."""

    work: Callable[[], Response[Any]]


@dataclass(frozen=True, slots=True)
class Route:
    """A call as it is declared. Found in a handler's options as `route`."""

    method: Method
    path: str
    right: Rights
    handler: Callable[..., Any]
    writes: bool
    audit: Audit | None
    takes: Any
    gives: Any
    status: int
    slow: bool = False
    refuses: tuple[type[Problem], ...] = ()

    @property
    def is_quick(self) -> bool:
        """Whether it waits for no disk: it writes nothing, not even in the ledger."""
        return not (self.writes or self.audit or self.slow)

    @property
    def reads_query(self) -> bool:
        return self.method in {"GET", "HEAD", "DELETE"}

    @property
    def description(self) -> str:
        """What the ledger says of it: its words there, or the first line of its documentation."""
        if self.audit:
            return self.audit.description
        return (self.handler.__doc__ or self.handler.__name__).strip().splitlines()[0].rstrip(".")

    def handle(self, call: Call, taken: Any) -> Any:
        return self.handler(call) if self.takes is None else self.handler(call, taken)

    def __deepcopy__(self, _memo: object) -> "Route":
        return self  # routers copy the options of handlers, and types with constraints cannot be copied


def read(
    path: str,
    *,
    right: Rights,
    method: Method = "POST",
    audit: Audit | None = None,
    slow: bool = False,
    refuses: tuple[type[Problem], ...] = (),
) -> Declare:
    """Declare a call that changes nothing: it runs in one read-only transaction.

    A `slow` one waits in a queue of its own, so that it holds up nothing else. `refuses` are the problems
    that only this call has, for its documentation; those that every call has are known.
    """
    return partial(
        _declare, method, path, right, writes=False, audit=audit, status=200, slow=slow, refuses=refuses
    )


def write(
    path: str,
    *,
    right: Rights,
    method: Method = "POST",
    audit: Audit | None = None,
    status: int = 200,
    refuses: tuple[type[Problem], ...] = (),
) -> Declare:
    """Declare a call that changes something: the change and its rows in the ledger commit together."""
    return partial(_declare, method, path, right, writes=True, audit=audit, status=status, refuses=refuses)


def _declare(
    method: Method,
    path: str,
    right: Rights,
    handler: Callable[..., Any],
    *,
    writes: bool,
    audit: Audit | None,
    status: int,
    slow: bool = False,
    refuses: tuple[type[Problem], ...] = (),
) -> HTTPRouteHandler:
    hints = get_type_hints(handler, include_extras=True)
    gives = hints.pop("return")
    parameters = list(inspect.signature(handler).parameters)
    takes = hints[parameters[1]] if len(parameters) > 1 else None
    route = Route(method, path, right, handler, writes, audit, takes, gives, status, slow, refuses)

    async def travel(request: AnyRequest) -> Response[Any]:
        installation: Installation = request.app.state.installation
        claims_of(installation, request)  # nothing is read of who has no token
        body = b"" if route.reads_query else await request.body()
        limiter = request.app.state.slow_calls if route.slow else None

        def work(allowed: Allowance) -> Awaitable[Response[Any]]:
            return to_thread.run_sync(_travel, route, request, body, allowed, limiter=limiter)

        seconds = installation.settings.request_seconds
        if not route.is_quick:
            return await work(Allowance(seconds))
        return await installation.priority_lanes.travel(work, seconds, partial(_has_left, request))

    return HTTPRouteHandler(
        path,
        http_method=method,
        status_code=status,
        name=f"{method} {path}",
        opt={"route": route, "right": right},
        summary=(handler.__doc__ or "").strip().splitlines()[0] if handler.__doc__ else None,
        include_in_schema=False,
        request_max_body_size=MAX_BODY_BYTES,
    )(travel)


async def _has_left(request: AnyRequest) -> bool:
    """Whether the client, whose body has been read, closed the connection."""
    with CancelScope() as at_once:
        at_once.cancel()
        message = await request.receive()
        return message["type"] == "http.disconnect"
    return False


def _travel(route: Route, request: AnyRequest, body: bytes, allowed: Allowance) -> Response[Any]:
    installation: Installation = request.app.state.installation
    claims = claims_of(installation, request)
    archive = archive_of(installation, claims)
    viewer: Viewer | None = None
    sent: Any = None
    try:
        # Who asks is looked up in the transaction that reads; what writes takes its place in the queue later.
        with archive.read(allowed) as connection:
            viewer = viewer_of(connection, installation, request, claims)
            action = action_of(route, request, viewer)
            try:
                sent = decode.parse(request, body, from_query=route.reads_query)
            finally:  # a missing right is said before anything about what was sent
                viewer.require(*_any_of(route.right))
            taken = decode.take(route.takes, sent, from_query=route.reads_query)
            call = Call(installation, archive, viewer, connection, action, decode.path_id(request))
            answer = None if route.writes else route.handle(call, taken)
        if route.writes:
            answer = _write(route, call, taken)
        if isinstance(answer, Afterwards):
            answer = answer.work()
    except Problem as problem:
        if route.audit and viewer:
            _remember(route.audit, archive, viewer, action, sent, int(problem.status))
        raise
    if route.audit and not route.writes:
        with ExitStack() as unsent:
            if isinstance(answer, Download):
                unsent.callback(answer.close)
            _remember(route.audit, archive, viewer, action, sent, route.status)
            unsent.pop_all()
    return encode(answer, route.status)


def _write(route: Route, call: Call, taken: Any) -> Any:
    """Handle a call in a transaction that writes, with what the ledger is told of it."""
    with call.archive.write() as connection:
        answer = route.handle(replace(call, connection=connection), taken)
        entries = [replace(entry, response_code=route.status) for entry in call.entries]
        ledger.append(connection, call.action, entries)
    return answer


def _any_of(rights: Rights) -> tuple[Right, ...]:
    return rights if isinstance(rights, tuple) else (rights,)


def action_of(route: Route, request: AnyRequest, viewer: Viewer) -> Action:
    return Action(
        method=method_of(request),
        route=route.path.replace(":str}", "}"),
        description=route.description,
        username=viewer.username,
        ip_address=viewer.ip_address,
        user_id=viewer.user_id,
        request_id=request_id.get() or secrets.token_hex(8),
    )


def _remember(
    audit: Audit, archive: Archive, viewer: Viewer, action: Action, sent: Any, response_code: int
) -> None:
    named = audit.names(sent)
    if named.interaction_ids or named.third_party_ids:
        with archive.write(locked=False) as connection:  # who reads waits for nobody's writing
            ledger.append_access(connection, action, viewer, named, response_code, audit.metadata(sent))


def encode(answer: Any, status: int) -> Response[Any]:
    """Encode an answer as JSON; a list says its length in `X-Total-Count` unless it was told otherwise."""
    if isinstance(answer, Response):
        return answer
    if not isinstance(answer, Answer):
        answer = Answer(answer, status)
    headers = dict(answer.headers)
    if isinstance(answer.body, Sequence) and not isinstance(answer.body, str | bytes):
        headers.setdefault("X-Total-Count", str(len(answer.body)))
    return Response(
        msgspec.json.encode(answer.body),
        status_code=answer.status,
        headers=headers,
        media_type="application/json",
    )
