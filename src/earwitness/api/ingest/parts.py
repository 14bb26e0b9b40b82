"""The parts of a multipart upload: media is written as it arrives, in constant memory."""

import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress

from anyio import CancelScope, to_thread

from earwitness.archive.accounts.accounts import Archive
from earwitness.http.multipart import Began, events
from earwitness.http.operations import MAX_BODY_BYTES, AnyRequest
from earwitness.ingest.arrivals import Accepted, Status
from earwitness.ingest.incoming_recording import IncomingRecording
from earwitness.kernel.errors import BadRequest, Fault, Problem, TooLarge
from earwitness.kernel.wire import Wire
from earwitness.media.flow import Bytes

MOST_METADATA_BYTES = 64 << 20

_WRITTEN_AT_ONCE_BYTES = 1 << 20


class Ingested(Wire):
    """A recording that is in the archive."""

    interaction_id: int
    third_party_id: str
    status: Status

    @classmethod
    def of(cls, accepted: Accepted) -> "Ingested":
        return cls(
            interaction_id=accepted.interaction_id,
            third_party_id=accepted.third_party_id,
            status=accepted.status,
        )


@asynccontextmanager
async def incoming_recording(request: AnyRequest, archive: Archive) -> AsyncIterator[IncomingRecording]:
    """Begin to take in a recording. If it is not accepted when the block ends, nothing of it is kept."""
    incoming = IncomingRecording(archive)
    try:
        yield incoming
    finally:
        if incoming.is_open:
            with CancelScope(shield=True):
                await to_thread.run_sync(incoming.close, limiter=request.app.state.store_calls)


async def take_parts(
    request: AnyRequest,
    incoming: IncomingRecording,
    most_bytes: int,
    known: Sequence[str],
    metadata: bytearray | None = None,
) -> bytearray:
    """Write the media to `incoming`, and the part `metadata`, if it is known, to `metadata`.

    Returns the last bytes of the media, which are not written yet: `accept` writes them in the same thread.
    Raises BadRequest if a part is not known or comes twice, and TooLarge.
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
                await to_thread.run_sync(incoming.write, waiting, limiter=limiter)
                waiting = bytearray()
    return waiting


async def accept(
    request: AnyRequest, incoming: IncomingRecording, last: Bytes, add: Callable[[], Accepted]
) -> Accepted:
    """Write the last bytes of the media, `add` the recording or the media, and clean up, in one thread."""

    def finish() -> Accepted:
        try:
            incoming.write(last)
            return add()
        finally:
            incoming.close()

    return await to_thread.run_sync(finish, limiter=request.app.state.store_calls)


async def take_early_metadata(request: AnyRequest, metadata: bytearray) -> None:
    """Read the metadata of a refused request for the audit log, if it is among the first bytes sent."""
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
