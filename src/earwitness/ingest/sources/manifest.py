"""The lines of a manifest: ingest metadata, and the path of the media."""

import os
from collections.abc import Sequence
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.ledger.ledger import Action
from earwitness.ingest.accept import accept_all
from earwitness.ingest.arrivals import Accepted, Arrival
from earwitness.ingest.files.folders import Folder
from earwitness.ingest.files.media_paths import Outside, resolve
from earwitness.ingest.files.regular_files import NotRegular
from earwitness.ingest.metadata import faults_in
from earwitness.ingest.parsed_metadata import ParsedMetadata, parse_object
from earwitness.ingest.sources.descriptions import describe_line
from earwitness.ingest.sources.file_ingest import ingest_file
from earwitness.kernel import strict_json
from earwitness.kernel.errors import BadRequest, Fault, Problem, StorageFull, Unavailable


class ManifestLine(msgspec.Struct, frozen=True):
    """A recording of a manifest, and its `mediaPath` if it has one, as the bytes of the system's paths."""

    metadata: ParsedMetadata
    media_path: bytes | None

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle it as one piece of MessagePack, which takes a quarter of the time of pickling its parts."""
        return _unpacked, (msgspec.msgpack.encode(self, enc_hook=_plain),)


def _plain(value: int | str) -> int | str:
    """A moment or a direction, as the number or the text that it is."""
    return int(value) if isinstance(value, int) else str(value)


_UNPACK = msgspec.msgpack.Decoder(ManifestLine, dec_hook=lambda expected, plain: expected(plain))


def _unpacked(packed: bytes) -> ManifestLine:
    return _UNPACK.decode(packed)


def read_line(line: bytes) -> ManifestLine:
    """Read a line. Raises BadRequest."""
    sent, replaced_in = strict_json.loads_mending(line)
    if not isinstance(sent, dict):
        raise BadRequest.of(Fault("", "expected an object"))
    named = sent.pop("mediaPath", None)
    if named is not None and (not isinstance(named, str) or not named):
        raise BadRequest.of(Fault("mediaPath", "expected the path of a file"))
    metadata = parse_object(sent, replaced_in, has_media=named is not None)
    return ManifestLine(metadata, None if named is None else os.fsencode(named))


def read_lines(lines: Sequence[bytes]) -> list[ManifestLine | Problem]:
    """Read lines. For a line that is refused, returns the problem."""
    return [_read_or_refuse(line) for line in lines]


def _read_or_refuse(line: bytes) -> ManifestLine | Problem:
    try:
        return read_line(line)
    except Problem as problem:
        return problem


def import_line(archive: Archive, line: bytes, folder: Path, action: Action) -> bool:
    """Import one line, whose media is in a trusted folder. False if it is in the archive already.

    Raises what `IncomingRecording` raises, and BadRequest if the line is refused.
    """
    media = Folder(folder, takes_hard_links=True)
    [outcome] = import_lines(archive, [read_line(line)], media, action)
    if isinstance(outcome, Problem):
        raise outcome
    return outcome


def import_lines(
    archive: Archive, lines: Sequence[ManifestLine], media: Folder, action: Action
) -> list[bool | Problem]:
    """Import recordings in their order. Returns for each whether it is new, or why it was refused.

    `media` has their files. Consecutive lines without media are committed together. Raises StorageFull and
    Unavailable; what was not committed before that is not in the archive.
    """
    outcomes: list[bool | Problem] = []
    waiting: list[Arrival] = []

    def commit() -> None:
        if waiting:
            is_long = any(one.metadata.is_long for one in waiting)
            with archive.write(patient=is_long) as connection:
                accepted = accept_all(connection, archive, waiting)
            outcomes.extend(one.is_new if isinstance(one, Accepted) else one for one in accepted)
            waiting.clear()

    for line in lines:
        if line.media_path is None:
            metadata = describe_line(line.metadata, None, is_empty=False).marked()
            waiting.append(Arrival(metadata, action))
            continue
        commit()
        outcomes.append(
            _import_with_media(archive, line.metadata, media, os.fsdecode(line.media_path), action)
        )
    commit()
    return outcomes


def _import_with_media(
    archive: Archive, metadata: ParsedMetadata, media: Folder, media_path: str, action: Action
) -> bool | Problem:
    try:
        with _opened(media, media_path) as file:
            is_empty = not os.fstat(file.fileno()).st_size
            if is_empty and (faults := faults_in(metadata.values, has_media=False)):
                raise BadRequest.of(Fault("mediaPath", "is empty, which is no media"), *faults)
            description = describe_line(metadata, PurePosixPath(media_path).name, is_empty=is_empty)
            return ingest_file(archive, description.marked(), file, action).keeps_media
    except (StorageFull, Unavailable):
        raise
    except Problem as problem:
        return problem


def _opened(media: Folder, path: str) -> BufferedReader:
    try:
        return media.open(resolve(media, path))
    except Outside:
        fault = (
            "expected a file below the folder of the manifest, or below another one that --media-root names"
        )
    except NotRegular as error:
        fault = f"{error.strerror}"
    except OSError as error:
        fault = f"cannot be read: {error.strerror}"
    raise BadRequest.of(Fault("mediaPath", fault))
