"""Who took part: each endpoint of the metadata becomes a row of ours, and the person behind it."""

from dataclasses import dataclass

from sqlalchemy import Connection, update

from earwitness.archive.endpoints import find_or_add_endpoint
from earwitness.archive.people import find_or_add_person
from earwitness.archive.schema.people import endpoints
from earwitness.ingest.metadata import IngestEndpoint, IngestMetadata


@dataclass(frozen=True, slots=True)
class Participant:
    """An endpoint's part in a recording, and the person it is linked to."""

    endpoint_id: int
    person_id: int | None
    user: str
    is_originator: bool
    is_recording_subject: bool
    is_private: bool
    note: str = ""


def resolve(connection: Connection, values: IngestMetadata) -> list[Participant]:
    return [_participant(connection, index, sent) for index, sent in enumerate(values.endpoints)]


def _participant(connection: Connection, index: int, sent: IngestEndpoint) -> Participant:
    """Find or add the endpoint and its person; a person who is named first becomes the endpoint's owner.

    When the endpoint has another owner, the owner stays and the named person is linked in this recording.
    """
    endpoint_id, owner_id, is_private = find_or_add_endpoint(connection, sent.type, sent.endpoint)
    named_id = _named_person(connection, sent)
    note = ""
    if named_id is not None and owner_id is None:
        connection.execute(
            update(endpoints).where(endpoints.c.id == endpoint_id).values(owned_by_person_id=named_id)
        )
    elif named_id is not None and owner_id != named_id:
        note = (
            f"endpoints[{index}]: person {named_id} was named, person {owner_id} owns endpoint {endpoint_id}"
        )
    return Participant(
        endpoint_id=endpoint_id,
        person_id=owner_id if named_id is None else named_id,
        user=sent.user or "",
        is_originator=bool(sent.is_originator),
        is_recording_subject=bool(sent.is_recording_subject),
        is_private=is_private,
        note=note,
    )


def _named_person(connection: Connection, sent: IngestEndpoint) -> int | None:
    if sent.person is None:
        return None
    return find_or_add_person(
        connection,
        third_party_id=sent.person.third_party_id,
        email=sent.person.email,
        full_name=sent.person.full_name,
        person_type=sent.person.person_type or ("staff" if sent.is_recording_subject else "external"),
    )
