"""Who took part: each endpoint of the metadata becomes a row of ours, and the person behind it."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, update

from earwitness.archive.endpoints import Known, find_or_add_endpoints
from earwitness.archive.people import find_or_add_person, find_people
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


def resolve(connection: Connection, received: Sequence[IngestMetadata]) -> list[list[Participant]]:
    """Find or add the endpoints and people of each recording.

    A person who is named first becomes the endpoint's owner. When the endpoint has another owner, the owner
    stays and the named person is linked in this recording.
    """
    known = find_or_add_endpoints(connection, ((e.type, e.endpoint) for v in received for e in v.endpoints))
    people = find_people(
        connection,
        ((e.person.third_party_id, e.person.email) for v in received for e in v.endpoints if e.person),
    )
    owners: list[dict[str, int]] = []
    resolved: list[list[Participant]] = []
    for values in received:
        participants: list[Participant] = []
        for index, sent in enumerate(values.endpoints):
            endpoint = known[sent.type, sent.endpoint]
            named_id = _named_person(connection, sent, people)
            if named_id is not None and endpoint.owner_id is None:
                endpoint.owner_id = named_id
                owners.append({"owned": endpoint.id, "owner": named_id})
            participants.append(_participant(index, sent, endpoint, named_id))
        resolved.append(participants)
    if owners:
        connection.execute(_OWN, owners)
    return resolved


_OWN = (
    update(endpoints)
    .where(endpoints.c.id == bindparam("owned"))
    .values(owned_by_person_id=bindparam("owner"))
)


def _participant(index: int, sent: IngestEndpoint, endpoint: Known, named_id: int | None) -> Participant:
    note = ""
    if named_id is not None and endpoint.owner_id != named_id:
        note = (
            f"endpoints[{index}]: person {named_id} was named, "
            f"person {endpoint.owner_id} owns endpoint {endpoint.id}"
        )
    return Participant(
        endpoint_id=endpoint.id,
        person_id=endpoint.owner_id if named_id is None else named_id,
        user=sent.user or "",
        is_originator=bool(sent.is_originator),
        is_recording_subject=bool(sent.is_recording_subject),
        is_private=endpoint.is_private,
        note=note,
    )


def _named_person(
    connection: Connection, sent: IngestEndpoint, found: dict[tuple[str | None, str | None], int]
) -> int | None:
    """Who is named; `found` are those of this transaction, in which the same name is the same person."""
    if sent.person is None:
        return None
    name = sent.person.third_party_id, sent.person.email
    if name in found:
        return found[name]
    person_id = find_or_add_person(
        connection,
        third_party_id=sent.person.third_party_id,
        email=sent.person.email,
        full_name=sent.person.full_name,
        person_type=sent.person.person_type or ("staff" if sent.is_recording_subject else "external"),
    )
    if person_id is not None:
        found[name] = person_id
    return person_id
