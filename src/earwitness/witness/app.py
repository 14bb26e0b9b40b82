"""The HTTP interface of a witness (C2SP's tlog-witness): an ASGI application.

POST /add-checkpoint            a cosignature
GET  /<SHA-256 of the origin in hex>/checkpoint   the latest checkpoint of a log, with the cosignature
"""

import asyncio
import hashlib
import logging
import re
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from earwitness.archive.ledger.notes.add_checkpoint import MOST_BYTES, PATH
from earwitness.witness.refused import Refused
from earwitness.witness.witness import Witness

log = logging.getLogger(__name__)

_TEXT = "text/plain; charset=utf-8"
_CHECKPOINT = re.compile(r"/([0-9a-f]{64})/checkpoint", re.ASCII)

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    content_type: str = _TEXT
    headers: dict[str, str] = field(default_factory=dict)


class TooLarge(Exception):
    """The body is larger than any that could be cosigned."""


class Gone(Exception):
    """The client has left before its request was read."""


class WitnessApp:
    """Calls of ASGI come here."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        try:
            answer = await self._answer(scope, receive)
        except Gone:
            return
        headers = {
            "content-type": answer.content_type,
            "content-length": str(len(answer.body)),
            **answer.headers,
        }
        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": encoded})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, scope: dict[str, Any], receive: Receive) -> Answer:
        method, path = scope["method"], scope["path"]
        try:
            if path == PATH:
                if method != "POST":
                    return _not_allowed("POST")
                body = await _body(scope, receive)
                return await asyncio.to_thread(self._add_checkpoint, body)
            if found := _CHECKPOINT.fullmatch(path):
                if method != "GET":
                    return _not_allowed("GET")
                return await asyncio.to_thread(self._checkpoint, found[1])
        except TooLarge:
            return Answer(
                413, f"A request has at most {MOST_BYTES} bytes.\n".encode(), headers={"connection": "close"}
            )
        except sqlite3.Error as error:
            # Whether it is busy, full or damaged: nothing was cosigned.
            log.error("the state cannot be used: %s", getattr(error, "sqlite_errorname", ""))
            return Answer(503, b"The state of the witness cannot be used.\n", headers={"retry-after": "10"})
        return Answer(404, b"There is nothing at this path.\n")

    def _add_checkpoint(self, body: bytes) -> Answer:
        try:
            return Answer(200, self._witness.add_checkpoint(body).line.encode())
        except Refused as error:
            return Answer(error.status, error.body.encode(), error.content_type)

    def _checkpoint(self, origin_hash: str) -> Answer:
        state = self._witness.state
        for origin in state.origins():
            if hashlib.sha256(origin.encode()).hexdigest() == origin_hash and (
                note := state.latest(origin).note
            ):
                return Answer(200, note)
        return Answer(404, b"This witness has cosigned no checkpoint of such a log.\n")


async def _body(scope: dict[str, Any], receive: Receive) -> bytes:
    """Raises TooLarge, at once if the client states a size, and Gone."""
    stated = dict(scope["headers"]).get(b"content-length", b"0")
    body = b""
    is_more = int(stated) <= MOST_BYTES
    if not is_more:
        raise TooLarge
    while is_more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        body += message.get("body", b"")
        is_more = message.get("more_body", False)
        if len(body) > MOST_BYTES:
            raise TooLarge
    return body


def _not_allowed(allowed: str) -> Answer:
    return Answer(405, f"This path takes {allowed} alone.\n".encode(), headers={"allow": allowed})
