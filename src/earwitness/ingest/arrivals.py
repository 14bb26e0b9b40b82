"""A recording that arrives, and the result of accepting it."""

from dataclasses import dataclass
from typing import Literal

from earwitness.archive.ledger.ledger import Action
from earwitness.ingest.metadata import IngestMetadata, times
from earwitness.ingest.parsed_metadata import ParsedMetadata
from earwitness.media.vault import RecordingKey, Sealed

Status = Literal["received", "processed", "undecodable"]


@dataclass(frozen=True, slots=True)
class SealedMedia:
    """An encrypted original that is durable, and not yet part of a recording; and its key."""

    sealed: Sealed
    key: RecordingKey


@dataclass(frozen=True, slots=True)
class Arrival:
    """A recording to add: its metadata, the call or command that adds it, and its media if it has any."""

    metadata: ParsedMetadata
    action: Action
    media: SealedMedia | None = None

    @property
    def values(self) -> IngestMetadata:
        return self.metadata.values

    @property
    def third_party_id(self) -> str:
        return self.values.third_party_id

    @property
    def started_at(self) -> int:
        return times(self.values)[0]

    @property
    def media_sha256(self) -> bytes:
        """The digest of the media; empty if there is none."""
        return self.media.sealed.sha256 if self.media else b""

    @property
    def digest(self) -> bytes:
        return self.metadata.digest_with(self.media_sha256)

    @property
    def status(self) -> Status:
        return "received" if self.media else "processed"


@dataclass(frozen=True, slots=True)
class Accepted:
    """A recording that is in the archive; `is_new` says whether this arrival added it."""

    interaction_id: int
    third_party_id: str
    status: Status
    is_new: bool
    replaced_objects: tuple[str, ...] | None = None
    """The names of stored objects to delete, which added media replaced; usually none."""

    @property
    def keeps_media(self) -> bool:
        """Whether the media that arrived is now part of the recording."""
        return self.is_new or self.replaced_objects is not None
