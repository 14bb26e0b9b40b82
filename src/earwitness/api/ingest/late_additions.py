"""Ingest: late additions to a recording: its transcript, its media, or the codec of its media."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from anyio import to_thread
from litestar import Response

from earwitness.api.ingest.parts import MOST_METADATA_BYTES, Ingested, accept, incoming_recording, take_parts
from earwitness.archive.access.viewer import check_may_ingest
from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.jobs.kinds import JOB_KINDS
from earwitness.archive.ledger.ledger import Action, AuditSubjects
from earwitness.archive.schema.recordings import recordings
from earwitness.http import decode
from earwitness.http.audit import action_of
from earwitness.http.authenticate import authenticate
from earwitness.http.connections.body import take_upload
from earwitness.http.installation import Installation
from earwitness.http.openapi.operations import Describes
from earwitness.http.operations import MAX_BODY_BYTES, AnyRequest, encode
from earwitness.http.path_segments import segment
from earwitness.http.routes import signed_in
from earwitness.ingest.accept import find_same
from earwitness.ingest.arrivals import Accepted
from earwitness.ingest.codec import StatedCodec, state_codec
from earwitness.ingest.late_additions import add_late_transcript
from earwitness.ingest.metadata import IngestTranscript, read_transcript
from earwitness.kernel.deadlines import work_on
from earwitness.kernel.errors import Conflict, NotFound, Problem, StorageFull
from earwitness.kernel.rights import Right
from earwitness.kernel.wire import Wire, convert
from earwitness.operations.running import record_access

Addition = Callable[[Archive, str, Action], Awaitable[Accepted]]
"""What a call adds to the recording with this `thirdPartyId`."""

_TRANSCRIPT = "/ingest/recording/{thirdPartyId}/transcript"
_MEDIA = "/ingest/recording/{thirdPartyId}/media"
_CODEC = "/ingest/recording/{thirdPartyId}/codec"


class MediaUpload(Wire):
    """The part of media that is sent. It documents the form; the part is read as it arrives."""

    media: bytes


@signed_in(
    _TRANSCRIPT,
    "PUT",
    right=Right.RECORDING_INGEST,
    describes=Describes(IngestTranscript, Ingested, refuses=(NotFound, Conflict)),
    most_bytes=MOST_METADATA_BYTES,
)
async def put_transcript(request: AnyRequest) -> Response[Any]:
    """Add the transcript of a recording whose source sent none; one that an engine made is replaced."""

    async def add(archive: Archive, third_party_id: str, action: Action) -> Accepted:
        decode.check_body_alone(request)
        take_upload(request)
        body = await request.body()
        return await to_thread.run_sync(_add_transcript, archive, third_party_id, body, action)

    return await _add(request, _TRANSCRIPT, "Add transcript", add)


@signed_in(
    _MEDIA,
    "PUT",
    right=Right.RECORDING_INGEST,
    describes=Describes(
        MediaUpload,
        Ingested,
        sent_as="multipart/form-data",
        refuses=(NotFound, Conflict, StorageFull),
    ),
    most_bytes=None,
)
async def put_media(request: AnyRequest) -> Response[Any]:
    """Add the media of a recording that has none: multipart, one part `media`."""
    installation: Installation = request.app.state.installation

    async def add(archive: Archive, third_party_id: str, action: Action) -> Accepted:
        await to_thread.run_sync(_check_exists, archive, third_party_id)
        async with incoming_recording(request, archive) as incoming:
            most_bytes = installation.settings.max_upload_gib << 30
            last = await take_parts(request, incoming, most_bytes, ["media"])
            add = partial(incoming.accept_late_media, third_party_id, action)
            return await accept(request, incoming, last, add)

    return await _add(request, _MEDIA, "Add media", add)


@signed_in(
    _CODEC,
    "PUT",
    right=Right.RECORDING_INGEST,
    describes=Describes(StatedCodec, Ingested, refuses=(NotFound, Conflict)),
)
async def put_codec(request: AnyRequest) -> Response[Any]:
    """State the codec of media without a header that was not decoded, or was decoded by a wrong one."""

    async def add(archive: Archive, third_party_id: str, action: Action) -> Accepted:
        body = convert(decode.parse(request, await request.body(), from_query=False), StatedCodec)
        return await to_thread.run_sync(_state_codec, archive, third_party_id, body, action)

    return await _add(request, _CODEC, "State codec", add)


async def _add(request: AnyRequest, route: str, description: str, add: Addition) -> Response[Any]:
    """Authenticate, add to the recording that the path names, and answer; a refusal is audited."""
    installation: Installation = request.app.state.installation
    archive, viewer = await to_thread.run_sync(authenticate, installation, request)
    action = action_of(request, viewer, route, description)
    third_party_id = segment(request, from_end=2)
    try:
        check_may_ingest(viewer)
        accepted = await add(archive, third_party_id, action)
    except Problem as problem:
        subjects = AuditSubjects(third_party_ids=[third_party_id])
        await to_thread.run_sync(record_access, archive, action, viewer, subjects, int(problem.status))
        raise
    installation.work.wake(*JOB_KINDS)
    return encode(Ingested.of(accepted), 200)


def _add_transcript(archive: Archive, third_party_id: str, body: bytes, action: Action) -> Accepted:
    work_on(len(body))
    transcript, replaced_in = read_transcript(body)
    with archive.write(patient=len(body) > MAX_BODY_BYTES) as connection:
        return add_late_transcript(connection, third_party_id, transcript, replaced_in, action)


def _state_codec(archive: Archive, third_party_id: str, body: StatedCodec, action: Action) -> Accepted:
    which = recordings.c.third_party_id == third_party_id
    with archive.write() as connection:
        for accepted in state_codec(connection, which, body.hint, action, repeat=False):
            return accepted
    raise NotFound(f"There is no recording {third_party_id}.")


def _check_exists(archive: Archive, third_party_id: str) -> None:
    """Refuse the media of an unknown recording before all of it has been sent."""
    with archive.read() as connection:
        if find_same(connection, third_party_id) is None:
            raise NotFound(f"There is no recording {third_party_id}.")


ROUTES = [put_transcript, put_media, put_codec]
