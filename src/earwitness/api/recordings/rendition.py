"""Sending a recording in a format: a stored object as it is, or a rendition that is made for it."""

import base64
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from earwitness.archive.playable import MediaObject, Playable
from earwitness.http.download import Download, content_disposition
from earwitness.kernel.errors import Corrupt
from earwitness.media import decoder
from earwitness.media.decoder import Undecodable
from earwitness.media.measurement import Limits
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


def send(vault: Vault, playable: Playable, format_: str, limits: Limits, *, streams: bool) -> Download:
    """Answer with a recording's media.

    Whole, it is verified before its first byte leaves; streaming, each part is verified as it leaves.
    Raises FormatUnavailable (422), Corrupt (500), DecoderFailed (503).
    """
    with ExitStack() as leaving:
        key = playable.key(vault)
        stored = playable.objects.get(format_)
        if stored is None:
            if playable.status == "undecodable":
                raise Undecodable
            chunks = _rendering(vault, playable, key, format_, limits, leaving)
            if streams:
                return _download(chunks, leaving, playable, format_)
            stored = _keep_for_now(vault, key, format_, chunks, leaving)
        reader = leaving.enter_context(vault.open(stored.name, key, format_))
        if not streams:
            _verify(reader, stored)
        return _download(reader.chunks(0, reader.size), leaving, playable, format_, stored)


def _rendering(
    vault: Vault, playable: Playable, key: RecordingKey, format_: Any, limits: Limits, leaving: ExitStack
) -> Iterator[bytes]:
    raw = playable.objects["raw"]
    source = leaving.enter_context(vault.open(raw.name, key, "raw"))
    samples = playable.measurement["samples"] if playable.measurement else None
    return leaving.enter_context(decoder.render(source, format_, limits, samples))


def _keep_for_now(
    vault: Vault, key: RecordingKey, format_: str, chunks: Iterator[bytes], leaving: ExitStack
) -> MediaObject:
    """Finish a rendition, encrypted like all else; it goes when its answer has gone."""
    upload = leaving.enter_context(vault.write(key, format_))
    for chunk in chunks:
        upload.write(chunk)
    sealed = upload.finish()
    return MediaObject(format_, sealed.name, sealed.plain_size, sealed.sha256)


def _verify(reader: DecryptingReader, stored: MediaObject) -> None:
    if reader.size != stored.size_bytes:
        raise Corrupt("The stored media is not of the size that was stored.")
    reader.verify()


def _download(
    chunks: Iterator[bytes],
    leaving: ExitStack,
    playable: Playable,
    format_: str,
    stored: MediaObject | None = None,
) -> Download:
    extension = format_.partition("-")[0]
    headers = {
        "Content-Disposition": content_disposition(f"{playable.third_party_id}.{extension}"),
        "Cache-Control": "private, no-store",
    }
    if stored is not None:
        headers["Content-Length"] = str(stored.size_bytes)
        headers["ETag"] = f'"{stored.sha256.hex()}"'
        headers["Repr-Digest"] = f"sha-256=:{base64.b64encode(stored.sha256).decode()}:"
    later = leaving.pop_all()
    return Download(chunks, later.close, media_type=_MEDIA_TYPES[format_], headers=headers)
