"""A line of an import's manifest: ingest metadata, and where its media lies."""

import hashlib
import json
import os
from io import BufferedReader
from pathlib import Path

from earwitness.archive.accounts import Archive
from earwitness.archive.ledger import Action
from earwitness.ingest import metadata
from earwitness.ingest.accept import find_same
from earwitness.ingest.reception import receive
from earwitness.kernel import strict_json
from earwitness.kernel.errors import BadRequest, Fault

_READ_AT_ONCE_BYTES = 1 << 20


def import_line(archive: Archive, line: bytes, folder: Path, action: Action) -> bool:
    """Take in the recording of one line; False if it is in the archive already.

    `mediaPath` is relative to `folder`. Raises what a reception raises, and BadRequest for media that
    cannot be read.
    """
    third_party_id, body, media_path = _split(line, folder)
    if _is_known(archive, third_party_id, body, media_path):
        return False
    with receive(archive) as reception:
        if media_path is not None:
            with _opened(media_path) as file:
                reception.write(b"")
                while data := os.read(file.fileno(), _READ_AT_ONCE_BYTES):
                    reception.write(data)
        return reception.accept(body, action).is_new


def _split(line: bytes, folder: Path) -> tuple[str, bytes, Path | None]:
    """What it calls itself, the metadata as it was written, so that what is mended in it is also marked; and
    the media's path.
    """
    sent, _ = strict_json.loads_mending(line)
    if not isinstance(sent, dict):
        raise BadRequest.of(Fault("", "expected an object"))
    named = sent.get("mediaPath")
    if named is not None and (not isinstance(named, str) or not named):
        raise BadRequest.of(Fault("mediaPath", "expected the path of a file"))
    members = json.loads(line)
    members.pop("mediaPath", None)
    return (
        str(sent.get("thirdPartyId")),
        json.dumps(members).encode(),
        None if named is None else folder / named,
    )


def _is_known(archive: Archive, third_party_id: str, body: bytes, media_path: Path | None) -> bool:
    """Whether the very same recording is there: then nothing need be encrypted to find that out."""
    with archive.read() as connection:
        if find_same(connection, third_party_id) is None:
            return False
    received = metadata.read(body, has_media=media_path is not None)
    digest = b""
    if media_path is not None:
        with _opened(media_path) as file:
            digest = hashlib.file_digest(file, "sha256").digest()
    with archive.read() as connection:
        return (
            find_same(connection, received.values.third_party_id, received.whole_digest(digest)) is not None
        )


def _opened(path: Path) -> BufferedReader:
    try:
        return path.open("rb")
    except OSError as error:
        raise BadRequest.of(Fault("mediaPath", f"cannot be read: {os.strerror(error.errno or 0)}")) from None
