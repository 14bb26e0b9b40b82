"""Sending a recording in a format: a stored object as it is, or a rendition that is made for it."""

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
from earwitness.http.playback.download import Download, Whole, content_disposition
from earwitness.http.playback.file_endings import ending_of
from earwitness.http.playback.ranges import Asked
from earwitness.http.playback.renditions import streamed
from earwitness.kernel.errors import BadRequest, Corrupt, Fault, NotFound
from earwitness.kernel.formats import Format
from earwitness.media.streaming import DecryptingReader
from earwitness.media.vault import RecordingKey, Vault

_MEDIA_TYPES = {
    "mp3": "audio/mpeg",
    "mp3-mono": "audio/mpeg",
    "wav": "audio/wav",
    "wav-mono": "audio/wav",
    "mp4": "video/mp4",
    "raw": "application/octet-stream",
}
_CACHING = "private, no-store"
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

    Whole, it is verified before its first byte leaves; streaming, each part is verified as it leaves.
    Raises FormatUnavailable (422), Corrupt (500), DecoderFailed (503), and Unavailable (503) without a place
    or where it would take long until the first byte.
    """
    vault, limits = archive.vault, installation.limits
    with ExitStack() as leaving:
        key = playable.key(vault)
        stored = playable.stored(format_)
        keep = _is_kept(playable, format_, installation)
        headers = _headers(playable, format_, "attachment")
        if stored is None and streams:
            leaving.enter_context(installation.streams.take())
            chunks = leaving.enter_context(streamed(archive, playable, key, format_, limits, keep=keep))
            return Download(chunks, leaving.pop_all().close, headers=headers)
        if stored is None:
            stored = leaving.enter_context(
                installation.renditions.kept(archive, playable, key, format_, limits, keep=keep)
            )
        reader = _open(vault, key, stored, leaving)
        if not streams:
            reader.verify()
        first, chunks = _begun(reader.chunks(0, reader.size))
        if format_ == "raw":
            headers = _headers(playable, format_, "attachment", ending_of(first))
        return Download(
            chunks,
            leaving.pop_all().close,
            headers=headers | _of_object(stored, reader.size),
            fair_queue=installation.decrypting,
        )


def send_part(
    archive: Archive,
    playable: Playable,
    format_: Format,
    installation: Installation,
    *,
    asked: Asked,
    before: Callable[[int], None],
) -> Response[Any]:
    """Answer with what is asked of a recording's media: all (200), a part (206), or that it is known (304).

    Each segment is verified as it leaves, the first before anything does; what is short is verified to its
    end. `before` is called with the status when bytes are about to leave and nothing can be refused any more.
    Raises RangeUnsatisfiable (416) and what `send` raises.
    """
    keep = _is_kept(playable, format_, installation)
    with ExitStack() as leaving:
        key = playable.key(archive.vault)
        stored = playable.stored(format_) or leaving.enter_context(
            installation.renditions.kept(archive, playable, key, format_, installation.limits, keep=keep)
        )
        reader = _open(archive.vault, key, stored, leaving)
        etag = _etag(stored)
        if asked.knows(etag):
            return Response(None, status_code=304, headers={"ETag": etag, "Cache-Control": _CACHING})
        part = asked.part_of(reader.size, etag)
        start, stop, status = (part.start, part.stop, 206) if part else (0, reader.size, 200)
        headers = _headers(playable, format_, "inline") | _of_object(stored, stop - start)
        headers["Accept-Ranges"] = "bytes"
        if part:
            headers["Content-Range"] = part.content_range
        if stop - start <= _SHORT_BYTES:
            body = reader.read(start, stop)
            before(status)
            return Whole(body, headers=headers, status_code=status)
        _, chunks = _begun(reader.chunks(start, stop))
        before(status)
        fair_queue = installation.decrypting
        return Download(
            chunks, leaving.pop_all().close, headers=headers, status=status, fair_queue=fair_queue
        )


def _is_kept(playable: Playable, format_: str, installation: Installation) -> bool:
    """Whether a rendition is stored once it is made: as the settings say, or in place of an outdated one."""
    return format_ in installation.settings.kept_renditions or format_ in playable.objects


def _open(vault: Vault, key: RecordingKey, stored: MediaObject, leaving: ExitStack) -> DecryptingReader:
    reader = leaving.enter_context(vault.open(stored.name, key, stored.kind))
    if reader.size != stored.size_bytes:
        raise Corrupt("The stored media does not have the size that was recorded.")
    return reader


def _begun(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first chunk, taken at once, so that damage to it is said before the answer has begun; and all."""
    first = next(chunks, b"")
    return first, chain([first], chunks)


def _headers(playable: Playable, format_: str, disposition: str, ending: str = "") -> dict[str, str]:
    file_name = f"{playable.third_party_id}.{ending or format_.partition('-')[0]}"
    return {
        "Content-Type": _MEDIA_TYPES[format_],
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
