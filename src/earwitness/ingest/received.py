"""A recording's metadata as it was received: read, checked, and made ready while nobody waits."""

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from earwitness.archive.recordings.tags import folded_tag
from earwitness.archive.text.documents import Document
from earwitness.ingest.metadata import IngestMetadata, faults_in
from earwitness.ingest.transcript import KeptTranscript, keep, said_in
from earwitness.kernel import strict_json
from earwitness.kernel.errors import BadRequest, Fault
from earwitness.kernel.wire import canonical, convert

_LONG_CHARACTERS = 2_000_000
"""About a second of work between two statements, several times that on a slow machine."""


class Received(msgspec.Struct, frozen=True):
    """Metadata that was read: the values, but for the transcript, and the transcript as it will be kept.

    `document` has the words it is found by, but for those of who took part. `digest` is of all that was sent;
    `mended` tells where characters had to be replaced.
    """

    values: IngestMetadata
    transcript: KeptTranscript | None
    document: Document
    digest: bytes
    mended: tuple[str, ...]

    @property
    def is_long(self) -> bool:
        """Whether writing it takes long outside the database, too: see `patient` of `writing`."""
        return len(self.document.said.tokens) + len(self.document.rest.tokens) > _LONG_CHARACTERS

    def whole_digest(self, media_sha256: bytes = b"") -> bytes:
        """What tells whether a recording that comes again is the same, metadata and media."""
        return hashlib.sha256(self.digest + media_sha256).digest()


def read(body: bytes, *, has_media: bool) -> Received:
    """Read metadata. Raises BadRequest with a fault for each field that cannot be taken.

    Evidence is not refused for its text: a NUL or a lone surrogate is replaced, and that is marked.
    """
    sent, mended = strict_json.loads_mending(body)
    if not isinstance(sent, dict):
        raise BadRequest.of(Fault("metadata", "expected an object"))
    return take(sent, mended, has_media=has_media)


def take(sent: dict[str, Any], mended: Sequence[str], *, has_media: bool) -> Received:
    """The same for metadata that was read as JSON; `mended` are the paths where characters were replaced."""
    values = convert(sent, IngestMetadata)
    if faults := faults_in(values, has_media):
        raise BadRequest.of(*faults)
    transcript = values.transcript
    said = said_in(transcript) if transcript else ""
    return Received(
        values=msgspec.structs.replace(values, transcript=None),
        transcript=keep(transcript, said) if transcript else None,
        document=_document(values, said),
        digest=hashlib.sha256(canonical(values)).digest(),
        mended=tuple(mended),
    )


def _document(values: IngestMetadata, said: str) -> Document:
    tags = {folded_tag(tag): tag for tag in values.tags or ()}  # one is there once however it is written
    return Document.of(said, values.message or "", values.third_party_id, values.source or "", *tags.values())
