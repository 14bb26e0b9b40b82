"""Who took part: each endpoint of the metadata becomes a row of ours, and the person behind it."""

from collections.abc import Sequence
from functools import lru_cache

import msgspec
from sqlalchemy import Connection, bindparam, update

from earwitness.archive.people.endpoints import KnownEndpoint, find_or_add_endpoints
from earwitness.archive.people.people import (
    DescribedPerson,
    KnownPerson,
    Name,
    find_or_add_people,
)
from earwitness.archive.schema.people import endpoints
from earwitness.archive.spelling.addresses import is_withheld
from earwitness.archive.text.documents import FieldTokens, participant
from earwitness.ingest.metadata import IngestEndpoint, IngestMetadata, IngestPerson


class Participant(msgspec.Struct, frozen=True):
    """An endpoint's part in a recording, the person it is linked to, and the words they are found by."""

    endpoint_id: int
    person_id: int | None
    user: str
    is_originator: bool
    is_recording_subject: bool
    is_private: bool
    words: FieldTokens
    note: str = ""


def resolve(connection: Connection, received: Sequence[IngestMetadata]) -> list[list[Participant]]:
    """Find or add the endpoints and people of each recording.

    A person who is named first becomes the endpoint's owner. When the endpoint has another owner, the owner
    stays and the named person is linked in this recording. So it is where the address is withheld: nobody
    owns that.
    """
    known = find_or_add_endpoints(connection, ((e.type, e.endpoint) for v in received for e in v.endpoints))
    people = find_or_add_people(connection, _described(received))
    owners: list[dict[str, int]] = []
    resolved: list[list[Participant]] = []
    for values in received:
        participants: list[Participant] = []
        for index, sent in enumerate(values.endpoints):
            endpoint = known[sent.type, sent.endpoint]
            named = people.get(_name(sent.person)) if sent.person else None
            if named is not None and endpoint.owner is None and not endpoint.is_withheld:
                endpoint.owner = named
                owners.append({"owned": endpoint.id, "owner": named.id})
            participants.append(_participant(index, sent, endpoint, named))
        resolved.append(participants)
    if owners:
        connection.execute(_OWN, owners)
    return resolved


_OWN = (
    update(endpoints)
    .where(endpoints.c.id == bindparam("owned"))
    .values(owned_by_person_id=bindparam("owner"))
)


def _participant(
    index: int, sent: IngestEndpoint, endpoint: KnownEndpoint, named: KnownPerson | None
) -> Participant:
    owner, person = endpoint.owner, named or endpoint.owner
    note = ""
    if named and owner and owner.id != named.id:
        note = (
            f"endpoints[{index}]: person {named.id} was named, person {owner.id} owns endpoint {endpoint.id}"
        )
    names = (person.full_name, person.email) if person else ()
    return Participant(
        endpoint_id=endpoint.id,
        person_id=person.id if person else None,
        user=sent.user or "",
        is_originator=bool(sent.is_originator),
        is_recording_subject=bool(sent.is_recording_subject),
        is_private=endpoint.is_private,
        words=_words_of(*names, endpoint.endpoint, endpoint.normalised, sent.user),
        note=note,
    )


@lru_cache(4096)  # many recordings are of few
def _words_of(*names: str | None) -> FieldTokens:
    return FieldTokens.of(participant(*names))


def _name(person: IngestPerson) -> Name:
    """What identifies a person: an address that was withheld does not."""
    email = person.email
    return person.third_party_id, None if email is None or is_withheld("email", email) else email


def _described(received: Sequence[IngestMetadata]) -> dict[Name, DescribedPerson]:
    """Who is named, as they are described where that is first."""
    described: dict[Name, DescribedPerson] = {}
    for values in received:
        for sent in values.endpoints:
            person = sent.person
            if person is not None and (name := _name(person)) not in described:
                type_ = person.person_type or ("staff" if sent.is_recording_subject else "external")
                described[name] = DescribedPerson(person.full_name, type_)
    return described
