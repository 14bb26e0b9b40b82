"""The parts of a recording that is sent: media is written as it comes, in constant memory."""

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from typing import Literal

from anyio import CancelScope, to_thread

from earwitness.archive.accounts.accounts import Archive
from earwitness.http.multipart import Began, events
from earwitness.http.operations import MAX_BODY_BYTES, AnyRequest
from earwitness.ingest.accept import Accepted
from earwitness.ingest.reception import Reception, receive
from earwitness.kernel.errors import BadRequest, Fault, Problem, TooLarge
from earwitness.kernel.wire import Wire

MOST_METADATA_BYTES = 64 << 20

_WRITTEN_AT_ONCE_BYTES = 1 << 20


class Ingested(Wire):
    """A recording that is in the archive."""

    interaction_id: int
    third_party_id: str
    status: Literal["received", "processed", "undecodable"]

    @classmethod
    def of(cls, accepted: Accepted) -> "Ingested":
        return cls(
            interaction_id=accepted.interaction_id,
            third_party_id=accepted.third_party_id,
            status=accepted.status,
        )


@asynccontextmanager
async def reception_of(request: AnyRequest, archive: Archive) -> AsyncIterator[Reception]:
    """Begin to take something in; what was not accepted when the block is left leaves nothing behind."""
    leaving = ExitStack()
    try:
        yield leaving.enter_context(receive(archive))
    finally:
        with CancelScope(shield=True):
            await to_thread.run_sync(leaving.close, limiter=request.app.state.store_calls)


async def take_parts(
    request: AnyRequest,
    reception: Reception,
    most_bytes: int,
    known: Sequence[str],
    metadata: bytearray | None = None,
) -> None:
    """Write the media to the reception, and the metadata, where that is a part, to `metadata`.

    Raises BadRequest for a part that is not known or comes twice, TooLarge.
    """
    metadata, waiting = bytearray() if metadata is None else metadata, bytearray()
    seen: list[str] = []
    limiter = request.app.state.store_calls
    async for event in events(request, most_bytes):
        if isinstance(event, Began):
            if event.name not in known:
                raise BadRequest.of(Fault(event.name, f"unknown part: expected {' or '.join(known)}"))
            if event.name in seen:
                raise BadRequest.of(Fault(event.name, "given twice"))
            seen.append(event.name)
        elif seen[-1] == "metadata":
            metadata += event
            if len(metadata) > MOST_METADATA_BYTES:
                raise TooLarge(f"metadata: larger than the limit of {MOST_METADATA_BYTES >> 20} MiB.")
        else:
            waiting += event
            if len(waiting) >= _WRITTEN_AT_ONCE_BYTES:
                await to_thread.run_sync(reception.write, bytes(waiting), limiter=limiter)
                waiting.clear()
    if "media" in seen:
        await to_thread.run_sync(reception.write, bytes(waiting), limiter=limiter)


async def glance(request: AnyRequest, metadata: bytearray) -> None:
    """Read the metadata of what is refused anyhow, as far as it is among the first bytes of the body."""
    name, taken = "", 0
    with suppress(Problem):
        async for event in events(request, sys.maxsize):
            if isinstance(event, Began):
                if metadata:
                    return
                name = event.name
                continue
            taken += len(event)
            if taken > MAX_BODY_BYTES:
                return
            if name == "metadata":
                metadata += event
