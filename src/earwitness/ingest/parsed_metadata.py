"""Parsing a recording's metadata. It is checked and prepared before the transaction begins."""

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
"""A text of this length is about a second of work between two statements, more on a slow machine."""


class ParsedMetadata(msgspec.Struct, frozen=True):
    """Parsed metadata: the values without the transcript, and the transcript as it will be stored.

    `document` has the words by which the recording is found, except those of its participants. `digest` is
    the digest of everything that was sent, and `size` how many bytes it has. `replaced_in` has the paths
    where characters were replaced.
    """

    values: IngestMetadata
    transcript: KeptTranscript | None
    document: Document
    digest: bytes
    size: int
    replaced_in: tuple[str, ...]

    @property
    def is_long(self) -> bool:
        """Whether writing it takes long even outside the database: see `patient` of `writing`."""
        return self.characters > _LONG_CHARACTERS

    @property
    def characters(self) -> int:
        """How much text it adds to the text index."""
        return len(self.document.said.tokens) + len(self.document.rest.tokens)

    def digest_with(self, media_sha256: bytes = b"") -> bytes:
        """The digest of metadata and media, by which a recording that is sent again is recognised."""
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
    sent_whole = canonical(values)
    return ParsedMetadata(
        values=msgspec.structs.replace(values, transcript=None),
        transcript=keep(transcript, said) if transcript else None,
        document=_document(values, said),
        digest=hashlib.sha256(sent_whole).digest(),
        size=len(sent_whole),
        replaced_in=tuple(replaced_in),
    )


def _document(values: IngestMetadata, said: str) -> Document:
    tags = {folded_tag(tag): tag for tag in values.tags or ()}  # one tag in two spellings counts once
    return Document.of(said, values.message or "", values.third_party_id, values.source or "", *tags.values())
