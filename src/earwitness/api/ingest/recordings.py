"""Ingest: what brings recordings into the archive."""

from typing import Any

from anyio import to_thread
from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler

from earwitness.api.ingest.parts import Ingested, reception_of, take_parts
from earwitness.http import off_road
from earwitness.http.installation import Installation
from earwitness.http.openapi.operations import Describes
from earwitness.http.road import Answer, encode
from earwitness.http.signed_in import authenticate
from earwitness.ingest.metadata import IngestMetadata
from earwitness.kernel.errors import BadRequest, Conflict, Fault, StorageFull
from earwitness.kernel.rights import Right
from earwitness.kernel.wire import Wire


class Upload(Wire):
    """The parts of a recording that is sent; they are taken as they come, never read into this."""

    metadata: IngestMetadata
    media: bytes | None = None


@HTTPRouteHandler(
    "/ingest/recording",
    http_method="POST",
    status_code=201,
    opt={
        "right": Right.RECORDING_INGEST,
        "describes": Describes(
            Upload,
            Ingested,
            sent_as="multipart/form-data",
            statuses=(201, 200),
            refuses=(Conflict, StorageFull),
        ),
    },
    include_in_schema=False,
    request_max_body_size=None,
)
async def ingest_recording(request: Request[Any, Any, Any]) -> Response[Any]:
    """Take a recording in: multipart, `metadata` (JSON) and `media` (a file), in either order."""
    installation: Installation = request.app.state.installation
    archive, viewer = await to_thread.run_sync(authenticate, installation, request)
    viewer.require(Right.RECORDING_INGEST)
    action = off_road.action(request, viewer, "/ingest/recording", "Ingest recording")
    most_bytes = installation.settings.max_upload_gib << 30
    async with reception_of(archive) as reception:
        metadata = await take_parts(request, reception, most_bytes, ["metadata", "media"])
        if metadata is None:
            raise BadRequest.of(Fault("metadata", "required"))
        accepted = await to_thread.run_sync(reception.accept, metadata, action)
    installation.work.set()
    return encode(Answer(Ingested.of(accepted), 201 if accepted.is_new else 200), 201)


ROUTES = [ingest_recording]
