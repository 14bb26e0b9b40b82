"""A recording taken in with its file."""

import hashlib
from collections.abc import Callable
from io import BufferedReader

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.ledger.ledger import Action
from earwitness.ingest.accept import Accepted, find_same
from earwitness.ingest.files.seen import Unreadable
from earwitness.ingest.received import Received
from earwitness.ingest.reception import receive

_READ_AT_ONCE_BYTES = 1 << 20


def _no_check() -> None:
    """The file is ours alone."""


def take_file(
    archive: Archive,
    received: Received,
    file: BufferedReader,
    action: Action,
    check: Callable[[], None] = _no_check,
) -> Accepted:
    """Take a recording in; an empty file is none. The same one again is read alone, not encrypted.

    One that is there without media, with the same metadata, gets it. `check` is done as it is read and at its
    end. Raises what a reception raises.
    """
    name = received.values.third_party_id
    with archive.read() as connection:
        is_there = find_same(connection, name) is not None
    if is_there:
        digest = digest_of(file, check)
        with archive.read() as connection:
            if same := find_same(connection, name, received, digest):
                return same
    file.seek(0)
    with receive(archive) as reception:
        while data := _read(file):
            reception.write(data)
            check()
        check()
        return reception.accept_read(received, action)


def _read(file: BufferedReader) -> bytes:
    try:
        return file.read(_READ_AT_ONCE_BYTES)
    except OSError as error:
        raise Unreadable(f"It cannot be read: {error.strerror}.") from None


def digest_of(file: BufferedReader, check: Callable[[], None] = _no_check) -> bytes:
    """The SHA-256 of a file; of an empty one none, as it is no media. `check` is done as it is read."""
    file.seek(0)
    digest = hashlib.sha256()
    while data := _read(file):
        digest.update(data)
        check()
    return digest.digest() if file.tell() else b""
