"""Making a rendition that is not stored: whole, or while it is sent.

A rendition is encrypted like everything else. It is stored for good where the settings name its format, and
where it replaces a stored rendition of an earlier version of the decoder.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.media.playable import MediaObject, Playable, drop_outdated, playable_at
from earwitness.ingest.original_media import add_media_object
from earwitness.kernel.deadlines import wait_for
from earwitness.kernel.errors import StorageFull
from earwitness.kernel.formats import Format
from earwitness.media.decoder import decoder
from earwitness.media.decoder.decoder import Rendition, Undecodable
from earwitness.media.measurement import DecoderLimits, known_of
from earwitness.media.vault import RecordingKey, Sealed, SealedUpload

FIRST_BYTE_SECONDS = 50
"""How long an answer waits for its first byte: proxies and clients often give up after a minute."""


@dataclass(frozen=True, slots=True)
class RenditionRequest:
    """A rendition of a recording to make. `keep` says whether it is then stored for good."""

    archive: Archive
    playable: Playable
    key: RecordingKey
    format: Format
    limits: DecoderLimits
    keep: bool


@contextmanager
def begin_rendition(
    request: RenditionRequest, first_byte_seconds: float | None = None
) -> Iterator[Rendition]:
    """Begin to make a rendition. Raises FormatUnavailable (422), Corrupt (500), DecoderFailed (503)."""
    playable = request.playable
    if playable.status == "undecodable":
        raise Undecodable
    assert request.format != "raw"  # noqa: S101 - the original is always stored
    original = playable.objects["raw"]
    samples, opposite = known_of(playable.measurement)
    with (
        request.archive.vault.open(original.name, request.key, "raw") as source,
        decoder.render(
            source,
            request.format,
            request.limits,
            samples,
            playable.hint,
            opposite=opposite,
            first_byte_seconds=first_byte_seconds,
        ) as rendition,
    ):
        yield rendition


@contextmanager
def make_rendition(request: RenditionRequest) -> Iterator[MediaObject]:
    """Make a rendition whole, encrypted. Leaving the block removes it, unless it is to be kept."""
    with request.archive.vault.new(request.key, request.format) as upload:
        with begin_rendition(request) as rendition:
            for chunk in rendition:
                upload.write(chunk)
        sealed = upload.finish()
        if request.keep and store_rendition(request, upload, sealed):
            upload.keep()
        yield MediaObject(request.format, sealed.name, sealed.plain_size, sealed.sha256)


@contextmanager
def stream_rendition(
    request: RenditionRequest, first_byte_seconds: float = FIRST_BYTE_SECONDS
) -> Iterator[Iterator[bytes]]:
    """Make a rendition while it is read. If it is to be kept, it is stored once it was read to its end."""
    wait_for(first_byte_seconds)
    with ExitStack() as leaving:
        rendition = leaving.enter_context(begin_rendition(request, first_byte_seconds))
        if not request.keep:
            yield rendition
            return
        upload = leaving.enter_context(request.archive.vault.new(request.key, request.format))
        yield _store_while_reading(request, rendition, upload)


def _store_while_reading(
    request: RenditionRequest, rendition: Rendition, upload: SealedUpload
) -> Iterator[bytes]:
    has_room = True
    for chunk in rendition:
        has_room = has_room and _write(upload, chunk)
        yield chunk
    # A listener needs neither a store with room nor the database, so their failures do not end the answer.
    with suppress(StorageFull, DBAPIError):
        if has_room and store_rendition(request, upload, upload.finish()):
            upload.keep()


def _write(upload: SealedUpload, chunk: bytes) -> bool:
    """Whether there was room for a chunk."""
    try:
        upload.write(chunk)
    except StorageFull:
        return False
    return True


def store_rendition(request: RenditionRequest, upload: SealedUpload, sealed: Sealed) -> bool:
    """Add a rendition to the database, in place of an outdated one. Returns whether it was added.

    It is not added if the recording has it by now, or if its original or its key has changed meanwhile.
    """
    archive, playable = request.archive, request.playable
    try:
        with archive.write() as connection:
            now = playable_at(connection, playable.position)
            if now.objects != playable.objects or now.vault_id != playable.vault_id:
                return False
            replaced = drop_outdated(connection, now, request.format)
            add_media_object(connection, playable.position, request.format, sealed)
    except DBAPIError:
        upload.leave()  # the commit may have happened although its answer was lost
        raise
    if replaced is not None:
        archive.store.delete(replaced)
    return True
