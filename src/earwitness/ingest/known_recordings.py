"""Recordings that are in the archive already, found by the source's id, to be compared with arrivals."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Text, and_, bindparam, select

from earwitness.archive.database.in_list import among, as_list
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.schema.vault import media_objects
from earwitness.ingest.arrivals import Accepted, Status
from earwitness.ingest.parsed_metadata import ParsedMetadata

_SHA256_OF_NOTHING = hashlib.sha256().digest()
"""Earlier versions kept media of no bytes as media."""


@dataclass(frozen=True, slots=True)
class KnownRecording:
    """A recording in the archive. `raw_sha256` is of its media; None if it has none, or one of no bytes."""

    position: int
    interaction_id: int
    third_party_id: str
    status: Status
    digest: bytes
    raw_sha256: bytes | None

    def is_same(self, metadata: ParsedMetadata, media_sha256: bytes = b"") -> bool:
        """Whether an arrival is this recording again, with the media that it has now or as it came first."""
        if self.digest == metadata.digest_with(media_sha256):
            return True
        return self._came_without_media(metadata) and media_sha256 in (self.raw_sha256, b"")

    def lacks_media(self, metadata: ParsedMetadata, media_sha256: bytes) -> bool:
        """Whether this recording has no media, and now arrives again with the same metadata and media."""
        if self.raw_sha256 is not None or not media_sha256:
            return False
        return self._came_without_media(metadata)

    def accepted(self) -> Accepted:
        return Accepted(self.interaction_id, self.third_party_id, self.status, False)

    def _came_without_media(self, metadata: ParsedMetadata) -> bool:
        return self.digest in (metadata.digest_with(), metadata.digest_with(_SHA256_OF_NOTHING))


def find_known(connection: Connection, third_party_ids: Sequence[str]) -> dict[str, KnownRecording]:
    """The recordings with these ids that are in the archive, by id."""
    rows = connection.execute(_KNOWN, {"ids": as_list(third_party_ids)})
    return {
        row.third_party_id: KnownRecording(
            row.position,
            row.interaction_id,
            row.third_party_id,
            row.status,
            row.received_digest,
            row.sha256 if row.size_bytes else None,
        )
        for row in rows
    }


_KNOWN = (
    select(
        recordings.c.position,
        recordings.c.third_party_id,
        recordings.c.interaction_id,
        recordings.c.status,
        recordings.c.received_digest,
        media_objects.c.sha256,
        media_objects.c.size_bytes,
    )
    .outerjoin(
        media_objects,
        and_(media_objects.c.position == recordings.c.position, media_objects.c.kind == "raw"),
    )
    .where(among(recordings.c.third_party_id, bindparam("ids", type_=Text)))
)
