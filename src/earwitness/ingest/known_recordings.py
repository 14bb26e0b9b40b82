"""What the archive knows when recordings arrive: those that are in it already, found by the source's id."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Text, and_, bindparam, exists, select

from earwitness.archive.database.in_list import among, as_list
from earwitness.archive.database.timeline import LATEST_POSITION, NEWEST_ID, START
from earwitness.archive.people.endpoints import FOUND, endpoints_named
from earwitness.archive.recordings.retention import Durations
from earwitness.archive.schema.people import account, inflight_calls, retention_groups
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.schema.vault import media_objects
from earwitness.ingest.arrivals import Accepted, Arrival, Status
from earwitness.ingest.parsed_metadata import ParsedMetadata
from earwitness.ingest.participants import addresses_of

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


@dataclass(frozen=True, slots=True)
class LookedUp:
    """What the archive knows when recordings arrive, looked up with one statement for all of them."""

    known: dict[str, KnownRecording]
    latest: dict[int, int | None]
    """The highest position of each millisecond in which one of them starts."""
    newest_id: int
    has_calls: bool
    """Whether one of them is noted as a call in progress."""
    default_retention: Durations
    has_groups: bool
    """Whether the account has retention groups."""
    endpoints: str
    """The endpoints of participants that the archive has, as `FOUND` gives them."""


def look_up(connection: Connection, arrivals: Sequence[Arrival]) -> LookedUp:
    """Look up what adding recordings needs. Few arrive again, so those have a statement of their own."""
    ids = [arrival.third_party_id for arrival in arrivals]
    looked_for = {
        "ids": as_list(ids),
        "starts": as_list(list({arrival.started_at for arrival in arrivals})),
        **endpoints_named(addresses_of(arrival.values for arrival in arrivals)),
    }
    rows = connection.execute(_LOOK_UP, looked_for).all()
    *_, newest_id, is_known, has_calls, default_retention, has_groups, endpoints = rows[0]
    return LookedUp(
        known=find_known(connection, ids) if is_known else {},
        latest={start: position for start, position, *_ in rows},
        newest_id=newest_id or 0,
        has_calls=has_calls,
        default_retention=default_retention,
        has_groups=has_groups,
        endpoints=endpoints,
    )


_IDS = bindparam("ids", type_=Text)
_LOOK_UP = select(
    START,
    LATEST_POSITION,
    NEWEST_ID,
    exists().where(among(recordings.c.third_party_id, _IDS)).correlate(None),
    exists().where(among(inflight_calls.c.third_party_id, _IDS)),
    select(account.c.default_retention).scalar_subquery(),
    exists(select(retention_groups.c.id)),
    FOUND,
)
