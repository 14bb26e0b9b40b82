"""Sending a recording in a format: a stored object, or a rendition that is made for the answer."""

import base64
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import chain
from typing import Any

from litestar import Response
from sqlalchemy import Connection, select

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.media.playable import MediaObject, Playable
from earwitness.archive.schema.people import account
from earwitness.http.installation import Installation
from earwitness.http.limits.fair_queue import FairQueue
from earwitness.http.playback.download import Download, Whole, content_disposition
from earwitness.http.playback.file_endings import ending_of
from earwitness.http.playback.ranges import RequestConditions
from earwitness.http.playback.rendering import RenditionRequest, stream_rendition
from earwitness.kernel.errors import BadRequest, Corrupt, Fault, NotFound
from earwitness.kernel.formats import FORMATS, Format
from earwitness.media.streaming import DecryptingReader
from earwitness.media.vault import RecordingKey, Vault

_CACHING = "private, no-store"
_IN_PARTS = {"Accept-Ranges": "bytes"}
_SHORT_BYTES = 256 << 10
_FORCED_COMMENTS = select(account.c.forced_comments)


def check_playable(connection: Connection, playable: Playable, comment: str | None) -> None:
    """Raise BadRequest where the account asks for a comment and there is none, NotFound without media."""
    if not (comment or "").strip() and connection.scalar(_FORCED_COMMENTS):
        raise BadRequest.of(
            Fault("comment", "required for every play in this account"), code="comment-required"
        )
    if playable.raw is None:
        raise NotFound("This recording has no media.", code="no-media")


def send(
    archive: Archive, playable: Playable, format_: Format, installation: Installation, *, streams: bool
) -> Download:
    """Answer with a recording's media.

    With `streams` each part is verified as it leaves; without, everything is verified before the first byte.
    Raises FormatUnavailable, RenditionTooLarge and RenditionTooSlow (422), Corrupt (500), DecoderFailed
    (503), and Unavailable (503) if there is no place or no room for it, or the first byte takes too long.
    """
    vault = archive.vault
    with ExitStack() as leaving:
        key = playable.key(vault)
        stored = playable.stored(format_)
        headers = _headers(playable, format_, "attachment")
        if stored is None:
            rendition = _rendition_request(archive, playable, key, format_, installation)
            if streams:
                leaving.enter_context(installation.streams.take(archive.client_id))
                chunks = leaving.enter_context(stream_rendition(rendition))
                return _download(installation, chunks, leaving, headers)
            stored = leaving.enter_context(installation.renditions.use(rendition))
        reader = _open(vault, key, stored, leaving)
        if not streams:
            reader.verify()
        first, chunks = _begun(reader.chunks(0, reader.size))
        if format_ == "raw":
            headers = _headers(playable, format_, "attachment", ending_of(first))
        headers |= _of_object(stored, reader.size)
        return _download(installation, chunks, leaving, headers, fair_queue=installation.decrypting)


def send_part(
    archive: Archive,
    playable: Playable,
    format_: Format,
    installation: Installation,
    *,
    conditions: RequestConditions,
    before: Callable[[int], None],
    makes: bool = True,
) -> Response[Any]:
    """Answer with a recording's media: whole (200), a part (206), or that the caller has it (304).

    The first segment is verified before any byte leaves, and each other one as it leaves; a short answer is
    verified to its end. `before` is called with the status before the first byte, when nothing can be refused
    any more. Unless it `makes` renditions, one that is not made is answered without its length and without
    content, as HEAD allows (RFC 9110, section 9.3.2). Raises RangeUnsatisfiable (416) and what `send` raises.
    """
    with ExitStack() as leaving:
        key = playable.key(archive.vault)
        stored = playable.stored(format_)
        if stored is None:
            rendition = _rendition_request(archive, playable, key, format_, installation)
            use = installation.renditions.use if makes else installation.renditions.made
            stored = leaving.enter_context(use(rendition))
        if stored is None:
            return Whole(b"", headers=_headers(playable, format_, "inline") | _IN_PARTS)
        reader = _open(archive.vault, key, stored, leaving)
        if conditions.knows(etag := _etag(stored)):
            return Response(None, status_code=304, headers={"ETag": etag, "Cache-Control": _CACHING})
        part = conditions.part_of(reader.size, etag)
        start, stop, status = (part.start, part.stop, 206) if part else (0, reader.size, 200)
        headers = _headers(playable, format_, "inline") | _of_object(stored, stop - start) | _IN_PARTS
        headers |= {"Content-Range": part.content_range} if part else {}
        if stop - start <= _SHORT_BYTES:
            body = reader.read(start, stop)
            before(status)
            return Whole(body, headers=headers, status_code=status)
        _, chunks = _begun(reader.chunks(start, stop))
        before(status)
        fair_queue = installation.decrypting
        return _download(installation, chunks, leaving, headers, status=status, fair_queue=fair_queue)


def _download(
    installation: Installation,
    chunks: Iterator[bytes],
    leaving: ExitStack,
    headers: dict[str, str],
    *,
    status: int = 200,
    fair_queue: FairQueue | None = None,
) -> Download:
    """An answer of these chunks, which closes all of `leaving` when it ends."""
    return Download(
        chunks,
        leaving.pop_all().close,
        headers=headers,
        status=status,
        fair_queue=fair_queue,
        stalled_seconds=installation.stalled_seconds,
    )


def _rendition_request(
    archive: Archive, playable: Playable, key: RecordingKey, format_: Format, installation: Installation
) -> RenditionRequest:
    """A rendition is kept where the settings name its format, and where it replaces an outdated one.

    Raises FormatUnavailable, RenditionTooLarge and RenditionTooSlow, if that is known.
    """
    keep = format_ in installation.settings.kept_renditions or format_ in playable.objects
    room = installation.renditions.room
    limits, speeds = installation.limits, installation.speeds
    request = RenditionRequest(archive, playable, key, format_, limits, keep, room, speeds)
    request.check()
    return request


def _open(vault: Vault, key: RecordingKey, stored: MediaObject, leaving: ExitStack) -> DecryptingReader:
    reader = leaving.enter_context(vault.open(stored.name, key, stored.kind))
    if reader.size != stored.size_bytes:
        raise Corrupt("The stored media does not have the size that was recorded.")
    return reader


def _begun(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first chunk, and all chunks. The first is read now, so that damage to it is a proper answer."""
    first = next(chunks, b"")
    return first, chain([first], chunks)


def _headers(playable: Playable, format_: Format, disposition: str, ending: str = "") -> dict[str, str]:
    file_name = f"{playable.third_party_id}.{ending or FORMATS[format_].file_ending or format_}"
    return {
        "Content-Type": FORMATS[format_].media_type,
        "Content-Disposition": content_disposition(file_name, disposition),
        "Cache-Control": _CACHING,
    }


def _of_object(stored: MediaObject, length: int) -> dict[str, str]:
    digest = base64.b64encode(stored.sha256).decode()
    return {
        "Content-Length": str(length),
        "ETag": _etag(stored),
        "Repr-Digest": f"sha-256=:{digest}:",
    }


def _etag(stored: MediaObject) -> str:
    return f'"{stored.sha256.hex()}"'
