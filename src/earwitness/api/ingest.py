"""Ingest: what brings recordings, and what belongs to them, into the archive."""

from contextlib import ExitStack
from typing import Any, Literal

from anyio import CancelScope, to_thread
from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler

from earwitness.archive.ledger import Action
from earwitness.http.installation import Installation
from earwitness.http.multipart import Began, events
from earwitness.http.road import Answer, encode
from earwitness.http.signed_in import authenticate
from earwitness.ingest.reception import Reception, receive
from earwitness.kernel.errors import BadRequest, Fault, TooLarge
from earwitness.kernel.logs import request_id
from earwitness.kernel.rights import Right
from earwitness.kernel.wire import Wire

_MOST_METADATA_BYTES = 64 << 20
_WRITTEN_AT_ONCE_BYTES = 1 << 20


class Ingested(Wire):
    """A recording that is in the archive."""

    interaction_id: int
    third_party_id: str
    status: Literal["received", "processed", "undecodable"]


@HTTPRouteHandler(
    "/ingest/recording",
    http_method="POST",
    status_code=201,
    opt={"right": Right.RECORDING_INGEST},
    include_in_schema=False,
    request_max_body_size=None,
)
async def ingest_recording(request: Request[Any, Any, Any]) -> Response[Any]:
    """Take a recording in: multipart, `metadata` (JSON) and `media` (a file), in either order."""
    installation: Installation = request.app.state.installation
    archive, viewer = await to_thread.run_sync(authenticate, installation, request)
    viewer.require(Right.RECORDING_INGEST)
    action = Action(
        method="POST",
        route="/ingest/recording",
        description="Ingest recording",
        username=viewer.username,
        ip_address=viewer.ip_address,
        user_id=viewer.user_id,
        request_id=request_id.get(),
    )
    leaving = ExitStack()
    try:
        reception = leaving.enter_context(receive(archive))
        metadata = await _take_parts(request, reception, installation.settings.max_upload_gib << 30)
        accepted = await to_thread.run_sync(reception.accept, metadata, action)
    finally:
        with CancelScope(shield=True):
            await to_thread.run_sync(leaving.close)
    installation.work.set()
    ingested = Ingested(
        interaction_id=accepted.interaction_id,
        third_party_id=accepted.third_party_id,
        status=accepted.status,
    )
    return encode(Answer(ingested, 201 if accepted.is_new else 200), 201)


ROUTES = [ingest_recording]


async def _take_parts(request: Request[Any, Any, Any], reception: Reception, most_bytes: int) -> bytes:
    """Write the media as it comes, in constant memory, and answer the metadata."""
    metadata, waiting = bytearray(), bytearray()
    seen: list[str] = []
    async for event in events(request, most_bytes):
        if isinstance(event, Began):
            if event.name not in {"metadata", "media"}:
                raise BadRequest.of(Fault(event.name, "unknown part: expected metadata or media"))
            if event.name in seen:
                raise BadRequest.of(Fault(event.name, "given twice"))
            seen.append(event.name)
        elif seen[-1] == "metadata":
            metadata += event
            if len(metadata) > _MOST_METADATA_BYTES:
                raise TooLarge(f"metadata: more than {_MOST_METADATA_BYTES >> 20} MiB is not taken.")
        else:
            waiting += event
            if len(waiting) >= _WRITTEN_AT_ONCE_BYTES:
                await to_thread.run_sync(reception.write, bytes(waiting))
                waiting.clear()
    if "media" in seen:
        await to_thread.run_sync(reception.write, bytes(waiting))
    if "metadata" not in seen:
        raise BadRequest.of(Fault("metadata", "required"))
    return bytes(metadata)
