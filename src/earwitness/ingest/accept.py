"""Acceptance: one transaction adds recordings to the archive, with everything that belongs to them.

Before it, the media is durable and nobody can see it. After it, the recording is found, listed and playable
as `raw`, and the job that it needs is queued.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.receipts.acknowledge import note
from earwitness.archive.receipts.compare import stay_ahead
from earwitness.ingest.arrivals import Accepted, Arrival
from earwitness.ingest.known_recordings import KnownRecording, find_known, look_up
from earwitness.ingest.new_recordings import add_recordings
from earwitness.ingest.original_media import add_missing_media
from earwitness.ingest.parsed_metadata import ParsedMetadata
from earwitness.kernel.errors import Conflict


def accept_all(
    connection: Connection, archive: Archive, arrivals: Sequence[Arrival]
) -> list[Accepted | Conflict]:
    """Add recordings together. Returns the outcome of each; a refused one does not affect the others.

    If the same recording is in the archive already, nothing changes. Conflict is the outcome if another one,
    with other media or metadata, has its `thirdPartyId`.
    """
    found = look_up(connection, arrivals)
    stay_ahead(connection, archive.receipts, found.newest_id)
    new: dict[str, Arrival] = {}
    for arrival in arrivals:
        if arrival.third_party_id not in found.known:
            new.setdefault(arrival.third_party_id, arrival)
    added = add_recordings(connection, archive, list(new.values()), found) if new else []
    ids = dict(zip(new, added, strict=True))
    outcomes: list[Accepted | Conflict] = []
    for arrival in arrivals:
        name = arrival.third_party_id
        first = new.get(name)
        if first is arrival:
            outcomes.append(Accepted(ids[name], name, arrival.status, True))
        elif first is not None and arrival.digest == first.digest:
            outcomes.append(Accepted(ids[name], name, first.status, False))
        else:
            known = found.known.get(name) or find_known(connection, [name])[name]
            outcomes.append(_accept_again(connection, archive, known, arrival))
    return outcomes


def find_same(
    connection: Connection,
    third_party_id: str,
    metadata: ParsedMetadata | None = None,
    media_sha256: bytes = b"",
) -> Accepted | None:
    """Find the recording with this id. With `metadata`, only if accepting it again would change nothing.

    Raises Conflict if it is another recording.
    """
    known = find_known(connection, [third_party_id]).get(third_party_id)
    if known is None or (metadata is not None and known.lacks_media(metadata, media_sha256)):
        return None
    if metadata is not None and not known.is_same(metadata, media_sha256):
        raise _conflict(third_party_id)
    return known.accepted()


def _accept_again(
    connection: Connection, archive: Archive, known: KnownRecording, arrival: Arrival
) -> Accepted | Conflict:
    """Accept a recording that is in the archive already. Only media that it lacked is added."""
    if arrival.media is not None and known.lacks_media(arrival.metadata, arrival.media_sha256):
        replaced = add_missing_media(
            connection, archive, known.position, known.interaction_id, arrival.media, arrival.action
        )
        note(connection, "media", [(known.interaction_id, known.third_party_id)])
        return Accepted(known.interaction_id, known.third_party_id, "received", False, replaced)
    if known.is_same(arrival.metadata, arrival.media_sha256):
        return known.accepted()
    return _conflict(known.third_party_id)


def _conflict(third_party_id: str) -> Conflict:
    return Conflict(f"A recording {third_party_id} exists, with other media or metadata.")
