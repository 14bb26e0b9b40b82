"""Uvicorn's connection, with limits of size, time and number, so that no client holds up the others."""

import socket
import struct
from typing import Any, cast

import httptools
from litestar import Litestar
from litestar.types import HTTPScope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from earwitness.http.connections.body import IN_STATE, Body
from earwitness.http.connections.bounds import Bounds
from earwitness.http.connections.ending import (
    LastAnswerTransport,
    as_bytes,
    close_if_body_unread,
    too_many_connections,
    too_slow,
)
from earwitness.http.connections.open_connections import OpenConnections
from earwitness.http.connections.pace import Pace
from earwitness.http.connections.waits import Wait, wait_of
from earwitness.kernel.errors import BadRequest, HeadTooLarge, Problem, Unavailable

_PIECE_BYTES = 4 << 10
"""How much is parsed at once. The rest waits if a client sends requests before it has answers."""
_PIECE_OF_BODY_BYTES = 64 << 10
_MOST_WAITING = 256
"""How many parsed requests may wait for the answer to an earlier one. Each takes some 3 KB."""
_AT_ONCE = struct.pack("ii", 1, 0)
_FRAMING = (b"content-length", b"transfer-encoding")
_LINE_BYTES = 4
"""What each header line takes besides its name and value."""


class LimitedConnection(HttpToolsProtocol):
    """A connection that keeps within the limits of `Bounds`.

    A client that exceeds one is told (408, 431, 503), after the answers to its earlier requests. All
    connections are checked once a second, so that none needs timers of its own.
    """

    def __init__(self, *arguments: Any, bounds: Bounds | None = None, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._bounds = bounds or Bounds()
        self._open_connections = OpenConnections.of(self.server_state, self._bounds, self.loop)
        self._since = self.loop.time()
        """When it became idle, or the head of a request began to arrive."""
        self._head_bytes = 0
        self._is_in_body = False
        self._body = Body()
        self._framing: list[tuple[bytes, bytes]] = []
        """The headers that say where the body ends, while the body has no parser yet: see `_feed`."""
        self._is_repeated = False
        """Whether the parser reads a head that it was given again: see `_feed`."""
        self._framing_bytes = 0
        """Bytes since the last byte of the body itself: sizes of chunks, their extensions, trailers."""
        self._answered: RequestResponseCycle | None = None
        """The request that is being answered, or was answered last. Others may wait behind it."""
        self._reading: Pace | None = None
        self._size_seen = 0
        self._writing: Pace | None = None
        self._unread_seen = 0
        self._held = bytearray()
        """Bytes that arrived behind waiting requests. They are parsed after these."""
        self._problem: Problem | None = None
        self._is_refused = False
        self._listens_until: float | None = None

    # Receiving

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if not self._open_connections.add(self):
            self._refuse(too_many_connections())

    def connection_lost(self, exc: Exception | None) -> None:
        self._open_connections.remove(self)
        self._held.clear()
        self.pipeline.clear()
        if self._answered is not None and not self._answered.response_complete:
            self._answered.disconnected = True
            self._answered.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        if self._is_refused:
            return
        if self._held:
            self._held += data
            self.flow.pause_reading()
        elif len(data) <= _PIECE_BYTES:
            self._parse(data)
        else:
            self._parse_in_pieces(memoryview(data))

    def _parse_in_pieces(self, rest: memoryview) -> None:
        while rest and not self._is_refused and not self.transport.is_closing():
            size = _PIECE_OF_BODY_BYTES if self._is_in_body else _PIECE_BYTES
            piece, rest = rest[:size], rest[size:]
            self._parse(piece)
            if rest and self.pipeline and not self._is_refused:
                self._held += rest
                self.flow.pause_reading()
                return

    def _parse(self, piece: bytes | memoryview) -> None:
        if not self._is_in_body:
            if not self._head_bytes:
                self._since = self.loop.time()
            self._head_bytes += len(piece)
        size = self._body.size
        try:
            self._feed(piece)
        except httptools.HttpParserError:
            self._refuse(self._problem or BadRequest("This is no HTTP request.", code="bad-http"))
            return
        if not self._is_in_body:
            self._check_head(self._head_bytes)
        elif self._body.size != size:
            self._framing_bytes = 0
        else:
            self._framing_bytes += len(piece)
            self._check_head(self._framing_bytes)
        if self._problem:
            self._refuse(self._problem)

    def _feed(self, piece: bytes | memoryview) -> None:
        """Parse. A request to upgrade to another protocol is ignored (RFC 9110, 7.8).

        The parser would then read what follows the head as the other protocol, even a body, in which a second
        request could hide. So the body gets a new parser, which is given the headers that say where it ends.
        """
        while piece:
            try:
                self.parser.feed_data(piece)
                return
            except httptools.HttpParserUpgrade as upgrade:
                piece = piece[upgrade.args[0] :]
            if self._framing:
                lines = b"".join(name + b": " + value + b"\r\n" for name, value in self._framing)
                self._framing, self._is_repeated = [], True
                self.parser = httptools.HttpRequestParser(self)
                self.parser.feed_data(b"POST / HTTP/1.1\r\n" + lines + b"\r\n")
                self._is_repeated = False

    def on_url(self, url: bytes) -> None:
        if not self._is_repeated:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._is_repeated:
            super().on_header(name, value)

    def on_message_begin(self) -> None:
        if self._is_repeated:
            return
        super().on_message_begin()
        self._body = self.scope["state"][IN_STATE] = Body()
        if not self._head_bytes:  # it began in the bytes in which the earlier request ended
            self._since = self.loop.time()
            self._head_bytes = 1

    def on_headers_complete(self) -> None:
        if self._is_repeated:
            return
        lines = sum(len(name) + len(value) + _LINE_BYTES for name, value in self.headers)
        self._check_head(len(self.url) + lines)
        if len(self.pipeline) >= _MOST_WAITING:
            self._problem = Unavailable(
                "Too many requests wait for the answer to an earlier one.", code="pipelined"
            )
        if self._problem:
            raise self._problem
        super().on_headers_complete()
        if self.parser.should_upgrade():
            self._framing = [(name, value) for name, value in self.headers if name in _FRAMING]
        self.headers = []  # trailers are added here, and are no headers of the request
        self._is_in_body = True
        self._framing_bytes = 0
        self._reading = None
        if self.expect_100_continue or not self.cycle.keep_alive:
            self.cycle.transport = LastAnswerTransport(self.transport, self.end)  # type: ignore[assignment]

    def on_body(self, body: bytes) -> None:
        self._body.size += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._framing:
            return  # the body is still to come
        super().on_message_complete()
        self._is_in_body = False
        self._head_bytes = 0
        self._since = self.loop.time()

    def _check_head(self, size: int) -> None:
        if size > self._bounds.head_bytes:
            limit = self._bounds.head_bytes >> 10
            self._problem = HeadTooLarge(f"The headers are larger than the limit of {limit} KiB.")

    # Sending

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answered = cycle
        # A client that waits for `100 Continue` and gets an answer instead may send the body or not. What it
        # sends next could be either, so the connection is closed.
        super()._start_asgi_task(
            cycle, close_if_body_unread(app, cycle) if cycle.waiting_for_100_continue else app
        )

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing() or self._listens_until is not None:
            return
        if self._problem and self._answers_next:
            self._say(self._problem)
        if not self._is_answering:
            self._since = self.loop.time()
            self.cycle.body = bytearray()  # nothing reads it any more
        if self._held and not self.pipeline:  # they may be the body of the request that is answered next
            self._unset_keepalive_if_required()
            held, self._held = self._held, bytearray()
            self._parse_in_pieces(memoryview(held))

    def resume_writing(self) -> None:
        super().resume_writing()
        self._writing = None

    def shutdown(self) -> None:
        super().shutdown()
        if wait := self._wait:
            wait.is_over = True

    @property
    def _is_answering(self) -> bool:
        """Whether the newest request has no complete answer yet."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    @property
    def _answers_next(self) -> bool:
        """Whether the next answer belongs to the request that is arriving."""
        return not self._is_answering or (self._is_in_body and not self.pipeline)

    def _refuse(self, problem: Problem) -> None:
        """Read nothing more from the client, and tell it why, after the answers to its earlier requests."""
        self._is_refused = True
        self._held.clear()
        self._problem = problem
        self._open_connections.log_refusal(problem.code)
        if isinstance(self.app, Litestar):
            self.app.state.installation.refusals.note(problem.code)
        if self._answers_next:
            self._say(problem)

    def _say(self, problem: Problem) -> None:
        has_answer = self._is_in_body and self.cycle.response_started
        if self._is_answering:
            self.cycle.disconnected = True  # the handler waits for a body that will not come
            self.cycle.message_event.set()
        if has_answer:
            self.transport.close()
        elif not self.transport.is_closing():
            self.transport.write(as_bytes(problem))
            self._close_after_answer()

    def end(self) -> None:
        """Close the connection after its last answer."""
        if self._is_in_body:
            self._close_after_answer()
        else:
            self.transport.close()

    def _close_after_answer(self) -> None:
        """Close once the client could read the answer: at once would lose it if the client still sends."""
        self._is_refused = True
        self.pipeline.clear()
        if self.transport.is_closing():
            return
        if not (self.transport.can_write_eof() and self._open_connections.add_refused(self)):
            self.transport.close()
            return
        self.transport.write_eof()
        self.flow.resume_reading()
        self._listens_until = self.loop.time() + self._bounds.farewell_seconds

    def _break(self) -> None:
        """Close, and drop what the client did not read: the system would keep it for minutes."""
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self.transport.abort()

    # One of many connections

    @property
    def expendable(self) -> tuple[int, float] | None:
        if not self._is_answering:
            return 0, self._since
        if self._is_in_body and not (self._body.is_upload or self.pipeline or self.cycle.response_started):
            return 1, self._since
        if not self._is_of_known:
            return 2, self._since
        if self._wait:
            return 3, self._since
        return None

    @property
    def _wait(self) -> Wait | None:
        """The wait of the call that is being answered, if it waits."""
        if not self._answered or self._answered.response_complete:
            return None
        return wait_of(cast(HTTPScope, self._answered.scope))

    @property
    def _is_of_known(self) -> bool:
        """Whether the caller of the request that is being answered is signed in."""
        body = self._answered and self._answered.scope["state"].get(IN_STATE)
        return isinstance(body, Body) and body.is_signed_in

    def make_room(self) -> None:
        self._is_refused = True
        if self._answered and (wait := self._wait):
            wait.is_over, self._answered.keep_alive = True, False
        elif self.transport.get_write_buffer_size():
            self._break()
        elif self._answers_next and (self._is_in_body or self._head_bytes):
            self._refuse(too_many_connections())
        else:
            self.transport.close()

    def check(self, now: float, passed: float, *, excused: bool) -> None:
        if excused:
            self._since += passed
        self._check_sending(now, passed if excused else 0.0)
        if self._listens_until is not None:
            if now > self._listens_until:
                self.transport.abort()
        elif self._is_refused or self.transport.is_closing():
            pass
        elif self._is_in_body and self._is_answering:
            self._check_body(now, passed, excused=excused)
        elif self._is_in_body:
            if now - self._since > self._bounds.leftover_seconds:
                self.transport.close()
        elif not self._is_answering and now - self._since > self._bounds.head_seconds:
            self._refuse(too_slow("head")) if self._head_bytes else self.transport.close()

    def _check_body(self, now: float, passed: float, *, excused: bool) -> None:
        pace = self._reading
        if pace is None:
            self._reading = Pace(now, self._bounds.body_seconds, self._bounds.body_bytes_per_second)
        elif excused or self.flow.read_paused or self.cycle.waiting_for_100_continue:
            pace.wait(passed)
        elif self._body.is_upload and self._body.size > self._size_seen:
            pace.renew(now)
        else:
            pace.moved(self._body.size - self._size_seen, now)
            if now > pace.until:
                self._refuse(too_slow("body"))
        self._size_seen = self._body.size

    def _check_sending(self, now: float, excused: float) -> None:
        """Close the connection of a client that does not read its answers."""
        unread = self.transport.get_write_buffer_size()
        if not unread:
            self._writing = None
        elif self._writing is None:
            self._writing = Pace(now, self._bounds.unread_seconds, self._bounds.unread_bytes_per_second)
        else:
            self._writing.wait(excused)
            self._writing.moved(max(0, self._unread_seen - unread), now)
            if now > self._writing.until:
                self._open_connections.log_refusal("answer-not-taken")
                self._break()
        self._unread_seen = unread
