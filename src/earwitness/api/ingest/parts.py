"""The parts of a recording that is sent: media is written as it comes, in constant memory."""

from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from typing import Any, Literal

from anyio import CancelScope, to_thread
from litestar import Request

from earwitness.archive.accounts import Archive
from earwitness.http.multipart import Began, events
from earwitness.ingest.accept import Accepted
from earwitness.ingest.reception import Reception, receive
from earwitness.kernel.errors import BadRequest, Fault, TooLarge
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
async def reception_of(archive: Archive) -> AsyncIterator[Reception]:
    """Begin to take something in; what was not accepted when the block is left leaves nothing behind."""
    leaving = ExitStack()
    try:
        yield leaving.enter_context(receive(archive))
    finally:
        with CancelScope(shield=True):
            await to_thread.run_sync(leaving.close)


async def take_parts(
    request: Request[Any, Any, Any], reception: Reception, most_bytes: int, known: Sequence[str]
) -> bytes | None:
    """Write the media to the reception, and answer the metadata, if there is any.

    Raises BadRequest for a part that is not known or comes twice, TooLarge.
    """
    metadata, waiting = bytearray(), bytearray()
    seen: list[str] = []
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
                raise TooLarge(f"metadata: more than {MOST_METADATA_BYTES >> 20} MiB is not taken.")
        else:
            waiting += event
            if len(waiting) >= _WRITTEN_AT_ONCE_BYTES:
                await to_thread.run_sync(reception.write, bytes(waiting))
                waiting.clear()
    if "media" in seen:
        await to_thread.run_sync(reception.write, bytes(waiting))
    return bytes(metadata) if "metadata" in seen else None
