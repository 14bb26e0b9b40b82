"""Parsing a recording's metadata: it is checked and made ready before the transaction begins."""

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


class ParsedMetadata(msgspec.Struct, frozen=True):
    """Metadata that was parsed: the values without the transcript, and the transcript as it will be stored.

    `document` has the words that the recording is found by, without those of its participants. `digest` is of
    everything that was sent. `replaced_in` has the paths where characters had to be replaced.
    """

    values: IngestMetadata
    transcript: KeptTranscript | None
    document: Document
    digest: bytes
    replaced_in: tuple[str, ...]

    @property
    def is_long(self) -> bool:
        """Whether writing it takes long outside the database, too: see `patient` of `writing`."""
        return len(self.document.said.tokens) + len(self.document.rest.tokens) > _LONG_CHARACTERS

    def digest_with(self, media_sha256: bytes = b"") -> bytes:
        """The digest of metadata and media, by which a recording that comes again is known."""
        return hashlib.sha256(self.digest + media_sha256).digest()


def parse_body(body: bytes, *, has_media: bool) -> ParsedMetadata:
    """Parse metadata in JSON. Raises BadRequest with a fault for each field that is wrong.

    No recording is refused for its text: a NUL or a lone surrogate is replaced, and `replaced_in` says where.
    """
    sent, replaced_in = strict_json.loads_mending(body)
    if not isinstance(sent, dict):
        raise BadRequest.of(Fault("metadata", "expected an object"))
    return parse_object(sent, replaced_in, has_media=has_media)


def parse_object(sent: dict[str, Any], replaced_in: Sequence[str], *, has_media: bool) -> ParsedMetadata:
    """Parse metadata that was read as JSON; `replaced_in` has the paths where characters were replaced."""
    values = convert(sent, IngestMetadata)
    if faults := faults_in(values, has_media):
        raise BadRequest.of(*faults)
    transcript = values.transcript
    said = said_in(transcript) if transcript else ""
    return ParsedMetadata(
        values=msgspec.structs.replace(values, transcript=None),
        transcript=keep(transcript, said) if transcript else None,
        document=_document(values, said),
        digest=hashlib.sha256(canonical(values)).digest(),
        replaced_in=tuple(replaced_in),
    )


def _document(values: IngestMetadata, said: str) -> Document:
    tags = {folded_tag(tag): tag for tag in values.tags or ()}  # the same tag in two spellings counts once
    return Document.of(said, values.message or "", values.third_party_id, values.source or "", *tags.values())
