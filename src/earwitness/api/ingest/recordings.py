"""Ingest: adding a recording."""

from contextlib import suppress
from typing import Any

from anyio import to_thread
from litestar import Response

from earwitness.api.ingest.parts import (
    Ingested,
    accept,
    incoming_recording,
    take_early_metadata,
    take_parts,
)
from earwitness.archive.access.viewer import Viewer, check_may_ingest
from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.ledger.ledger import Action
from earwitness.http.audit import action_of
from earwitness.http.authenticate import authenticate
from earwitness.http.installation import Installation
from earwitness.http.openapi.operations import Describes
from earwitness.http.operations import AnyRequest, encode
from earwitness.http.routes import signed_in
from earwitness.ingest.arrivals import Accepted
from earwitness.ingest.metadata import IngestMetadata
from earwitness.kernel.errors import BadRequest, Conflict, Fault, Forbidden, Problem, StorageFull
from earwitness.kernel.rights import Right
from earwitness.kernel.strict_json import loads_mending
from earwitness.kernel.wire import Wire
from earwitness.operations.audit_subjects import by_third_party_id
from earwitness.operations.operations import Answer
from earwitness.operations.running import record_access


class Upload(Wire):
    """The parts of a recording that is sent. It documents the form; the parts are read as they arrive."""

    metadata: IngestMetadata
    media: bytes | None = None


@signed_in(
    "/ingest/recording",
    "POST",
    right=Right.RECORDING_INGEST,
    describes=Describes(
        Upload,
        Ingested,
        sent_as="multipart/form-data",
        statuses=(201, 200),
        refuses=(Conflict, StorageFull),
    ),
    status=201,
    most_bytes=None,
)
async def ingest_recording(request: AnyRequest) -> Response[Any]:
    """Add a recording: multipart, `metadata` (JSON) and `media` (a file), in either order."""
    installation: Installation = request.app.state.installation
    archive, viewer = await to_thread.run_sync(authenticate, installation, request)
    action = action_of(request, viewer, "/ingest/recording", "Ingest recording")
    metadata = bytearray()
    try:
        try:
            check_may_ingest(viewer)
        except Forbidden:
            await take_early_metadata(request, metadata)
            raise
        accepted = await _take(request, archive, metadata, action)
    except Problem as problem:
        await to_thread.run_sync(_remember_refusal, archive, action, viewer, metadata, problem)
        raise
    installation.work.wake("process")
    return encode(Answer(Ingested.of(accepted), 201 if accepted.is_new else 200), 201)


async def _take(request: AnyRequest, archive: Archive, metadata: bytearray, action: Action) -> Accepted:
    installation: Installation = request.app.state.installation
    most_bytes = installation.settings.max_upload_gib << 30
    async with incoming_recording(request, archive) as incoming:
        last = await take_parts(request, incoming, most_bytes, ["metadata", "media"], metadata)
        if not metadata:
            raise BadRequest.of(Fault("metadata", "required"))
        return await accept(request, incoming, last, lambda: incoming.accept(bytes(metadata), action))


def _remember_refusal(
    archive: Archive, action: Action, viewer: Viewer, metadata: bytearray, problem: Problem
) -> None:
    """Audit the refusal for the recording that the metadata names, if the metadata came and can be read."""
    with suppress(BadRequest):
        sent, _ = loads_mending(bytes(metadata))
        record_access(archive, action, viewer, by_third_party_id(sent), int(problem.status))


ROUTES = [ingest_recording]
