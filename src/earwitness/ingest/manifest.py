"""The lines of an import's manifest: ingest metadata, and where its media lies."""

import os
from collections.abc import Sequence
from io import BufferedReader
from pathlib import Path
from typing import Any

import msgspec

from earwitness.archive.accounts import Archive
from earwitness.archive.ledger import Action
from earwitness.ingest.accept import Accepted, Arrival, accept_all
from earwitness.ingest.metadata import faults_in
from earwitness.ingest.received import Received, take
from earwitness.ingest.sources.describing import describe_line
from earwitness.ingest.sources.taking import take_file
from earwitness.kernel import strict_json
from earwitness.kernel.errors import BadRequest, Fault, Problem, StorageFull, Unavailable


class Line(msgspec.Struct, frozen=True):
    """A recording of a manifest, and where its media lies if it has any, as the system writes paths."""

    received: Received
    media_path: bytes | None

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes as one piece: to pickle the many parts would take four times as long."""
        return _unpacked, (msgspec.msgpack.encode(self, enc_hook=int),)


_UNPACK = msgspec.msgpack.Decoder(Line, dec_hook=lambda expected, number: expected(number))


def _unpacked(packed: bytes) -> Line:
    return _UNPACK.decode(packed)


def read_line(line: bytes, folder: Path) -> Line:
    """Read a line; `mediaPath` is relative to `folder`. Raises BadRequest."""
    sent, mended = strict_json.loads_mending(line)
    if not isinstance(sent, dict):
        raise BadRequest.of(Fault("", "expected an object"))
    named = sent.pop("mediaPath", None)
    if named is not None and (not isinstance(named, str) or not named):
        raise BadRequest.of(Fault("mediaPath", "expected the path of a file"))
    received = take(sent, mended, has_media=named is not None)
    return Line(received, None if named is None else os.fsencode(folder / named))


def read_lines(lines: Sequence[bytes], folder: Path) -> list[Line | Problem]:
    """Read lines, and say of each that cannot be read why."""
    return [_read_or_refuse(line, folder) for line in lines]


def _read_or_refuse(line: bytes, folder: Path) -> Line | Problem:
    try:
        return read_line(line, folder)
    except Problem as problem:
        return problem


def import_line(archive: Archive, line: bytes, folder: Path, action: Action) -> bool:
    """Take in the recording of one line; False if it is in the archive already.

    Raises what a reception raises, and BadRequest for what cannot be read.
    """
    [outcome] = import_lines(archive, [read_line(line, folder)], action)
    if isinstance(outcome, Problem):
        raise outcome
    return outcome


def import_lines(archive: Archive, lines: Sequence[Line], action: Action) -> list[bool | Problem]:
    """Take in recordings, in their order: whether each is new, or why it cannot be taken.

    Neighbours without media are committed together. Raises StorageFull and Unavailable: what was not
    committed by then is not in the archive.
    """
    outcomes: list[bool | Problem] = []
    waiting: list[Arrival] = []

    def commit() -> None:
        if waiting:
            is_long = any(one.received.is_long for one in waiting)
            with archive.write(patient=is_long) as connection:
                accepted = accept_all(connection, archive, waiting, action)
            outcomes.extend(one.is_new if isinstance(one, Accepted) else one for one in accepted)
            waiting.clear()

    for line in lines:
        if line.media_path is None:
            waiting.append(Arrival(describe_line(line.received, None, is_empty=False).marked()))
            continue
        commit()
        outcomes.append(_import_with_media(archive, line.received, line.media_path, action))
    commit()
    return outcomes


def _import_with_media(
    archive: Archive, received: Received, media_path: bytes, action: Action
) -> bool | Problem:
    path = Path(os.fsdecode(media_path))
    try:
        with _opened(path) as file:
            is_empty = not os.fstat(file.fileno()).st_size
            if is_empty and (faults := faults_in(received.values, has_media=False)):
                raise BadRequest.of(Fault("mediaPath", "is empty, which is no media"), *faults)
            described = describe_line(received, path.name, is_empty=is_empty)
            return take_file(archive, described.marked(), file, action).keeps_media
    except (StorageFull, Unavailable):
        raise
    except Problem as problem:
        return problem


def _opened(path: Path) -> BufferedReader:
    try:
        return path.open("rb")
    except OSError as error:
        raise BadRequest.of(Fault("mediaPath", f"cannot be read: {os.strerror(error.errno or 0)}")) from None
