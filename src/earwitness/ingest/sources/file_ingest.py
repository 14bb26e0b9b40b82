"""Ingesting a recording with the file of its media."""

import hashlib
from collections.abc import Callable
from io import BufferedReader

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.ledger.ledger import Action
from earwitness.ingest.accept import find_same
from earwitness.ingest.arrivals import Accepted
from earwitness.ingest.files.seen_files import Unreadable
from earwitness.ingest.incoming_recording import receive
from earwitness.ingest.parsed_metadata import ParsedMetadata

_READ_AT_ONCE_BYTES = 1 << 20


def _no_check() -> None:
    """Check nothing, since nobody else can change the file."""


def ingest_file(
    archive: Archive,
    metadata: ParsedMetadata,
    file: BufferedReader,
    action: Action,
    check: Callable[[], None] = _no_check,
) -> Accepted:
    """Ingest a recording; an empty file is no media.

    If the same recording is in the archive, the file is only read, not encrypted. If it is there without its
    media, the media is added. `check` is called after each read and at the end. Raises what
    `IncomingRecording` raises.
    """
    name = metadata.values.third_party_id
    with archive.read() as connection:
        is_there = find_same(connection, name) is not None
    if is_there:
        digest = digest_of(file, check)
        with archive.read() as connection:
            if same := find_same(connection, name, metadata, digest):
                return same
    file.seek(0)
    with receive(archive) as incoming:
        while data := _read(file):
            incoming.write(data)
            check()
        check()
        return incoming.accept_parsed(metadata, action)


def digest_of(file: BufferedReader, check: Callable[[], None] = _no_check) -> bytes:
    """The SHA-256 of a file; empty for an empty file, which is no media. Each read calls `check`."""
    file.seek(0)
    digest = hashlib.sha256()
    while data := _read(file):
        digest.update(data)
        check()
    return digest.digest() if file.tell() else b""


def _read(file: BufferedReader) -> bytes:
    try:
        return file.read(_READ_AT_ONCE_BYTES)
    except OSError as error:
        raise Unreadable(f"It cannot be read: {error.strerror}.") from None
