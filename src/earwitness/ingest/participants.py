"""Resolving participants: each endpoint of the metadata is found or added, and so is its person."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

import msgspec
from sqlalchemy import Connection, bindparam, update

from earwitness.archive.ledger.touched import touch
from earwitness.archive.people.endpoints import KnownEndpoint, find_or_add_endpoints
from earwitness.archive.people.people import (
    DescribedPerson,
    KnownPerson,
    Name,
    find_or_add_people,
)
from earwitness.archive.schema.people import endpoints
from earwitness.archive.spelling.addresses import is_withheld
from earwitness.archive.substrings.writing import fold_endpoints, fold_people
from earwitness.archive.text.documents import FieldTokens, participant
from earwitness.ingest.metadata import IngestEndpoint, IngestMetadata, IngestPerson


class ResolvedParticipant(msgspec.Struct, frozen=True):
    """A participant: the endpoint, its person, and the words by which both are found."""

    endpoint_id: int
    person_id: int | None
    user: str
    is_originator: bool
    is_recording_subject: bool
    is_private: bool
    words: FieldTokens
    note: str = ""


def resolve_participants(
    connection: Connection, metadata: Sequence[IngestMetadata], found: str | None = None
) -> list[list[ResolvedParticipant]]:
    """Find or add the endpoints and people of each recording.

    `found` is what `FOUND` has of the endpoints that `addresses_of` names, if it has been looked up.

    The first person that is named with an endpoint becomes its owner. If the endpoint has another owner
    already, that person stays the owner, and the named person is linked in this recording only. The same
    applies to a withheld address, which nobody can own.
    """
    known = find_or_add_endpoints(connection, addresses_of(metadata), found)
    people = find_or_add_people(connection, _described(metadata))
    owners: list[dict[str, int]] = []
    resolved: list[list[ResolvedParticipant]] = []
    for values in metadata:
        participants: list[ResolvedParticipant] = []
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
        touch(connection, "Endpoint", [one["owned"] for one in owners])
    _fold(connection, known.values(), people.values(), owners)
    return resolved


def addresses_of(metadata: Iterable[IngestMetadata]) -> Iterator[tuple[str, str]]:
    """The type and value of each participant's endpoint."""
    return ((one.type, one.endpoint) for values in metadata for one in values.endpoints)


def _fold(
    connection: Connection,
    known: Iterable[KnownEndpoint],
    people: Iterable[KnownPerson],
    owners: Iterable[Mapping[str, int]],
) -> None:
    """Make what was added or changed searchable. For nearly all recordings that is nothing."""
    new_endpoints = {endpoint.id for endpoint in known if endpoint.is_new}
    changed_people = {person.id for person in people if person.is_changed}
    fold_endpoints(connection, new_endpoints.union(one["owned"] for one in owners))
    fold_people(connection, changed_people.union(one["owner"] for one in owners))


_OWN = (
    update(endpoints)
    .where(endpoints.c.id == bindparam("owned"))
    .values(owned_by_person_id=bindparam("owner"))
)


def _participant(
    index: int, sent: IngestEndpoint, endpoint: KnownEndpoint, named: KnownPerson | None
) -> ResolvedParticipant:
    owner, person = endpoint.owner, named or endpoint.owner
    note = ""
    if named and owner and owner.id != named.id:
        note = (
            f"endpoints[{index}]: person {named.id} was named, person {owner.id} owns endpoint {endpoint.id}"
        )
    names = (person.full_name, person.email) if person else ()
    return ResolvedParticipant(
        endpoint_id=endpoint.id,
        person_id=person.id if person else None,
        user=sent.user or "",
        is_originator=bool(sent.is_originator),
        is_recording_subject=bool(sent.is_recording_subject),
        is_private=endpoint.is_private,
        words=_words_of(*names, endpoint.endpoint, endpoint.normalised, sent.user),
        note=note,
    )


@lru_cache(4096)  # few people take part in many recordings
def _words_of(*names: str | None) -> FieldTokens:
    return FieldTokens.of(participant(*names))


def _name(person: IngestPerson) -> Name:
    """The id or email by which a person is identified. A withheld address identifies nobody."""
    email = person.email
    return person.third_party_id, None if email is None or is_withheld("email", email) else email


def _described(metadata: Sequence[IngestMetadata]) -> dict[Name, DescribedPerson]:
    """The named people, each as it is described where it is named first."""
    described: dict[Name, DescribedPerson] = {}
    for values in metadata:
        for sent in values.endpoints:
            person = sent.person
            if person is not None and (name := _name(person)) not in described:
                type_ = person.person_type or ("staff" if sent.is_recording_subject else "external")
                described[name] = DescribedPerson(person.full_name, type_)
    return described
