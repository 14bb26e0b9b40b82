"""Who took part in recordings, as every list of them shows it."""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import Connection, select

from earwitness.archive.schema.people import endpoints, people
from earwitness.archive.schema.recordings import recording_endpoints
from earwitness.kernel.wire import Wire


class Endpoint(Wire):
    """A phone number, an email address or a Teams user id."""

    id: int
    type: str
    endpoint: str


class NamedPerson(Wire):
    """Who it was; all empty when nobody knows."""

    id: int | None
    full_name: str
    email: str | None


class Participant(Wire):
    """An endpoint's part in a recording."""

    is_originator: bool
    is_recording_subject: bool
    user: str
    endpoint: Endpoint
    person: NamedPerson


def participants_of(connection: Connection, positions: Sequence[int]) -> dict[int, list[Participant]]:
    """The participants of each of these recordings, in the order they came."""
    part = recording_endpoints.c
    rows = connection.execute(
        select(
            part.position,
            part.is_originator,
            part.is_recording_subject,
            part.user,
            endpoints.c.id,
            endpoints.c.type,
            endpoints.c.endpoint,
            people.c.id.label("person_id"),
            people.c.full_name,
            people.c.email,
        )
        .select_from(recording_endpoints)
        .join(endpoints, endpoints.c.id == part.endpoint_id)
        .outerjoin(people, people.c.id == part.person_id)
        .where(part.position.in_(positions))
        .order_by(part.position, part.ordinal)
    )
    found: dict[int, list[Participant]] = defaultdict(list)
    for row in rows:
        found[row.position].append(
            Participant(
                is_originator=row.is_originator,
                is_recording_subject=row.is_recording_subject,
                user=row.user,
                endpoint=Endpoint(id=row.id, type=row.type, endpoint=row.endpoint),
                person=NamedPerson(id=row.person_id, full_name=row.full_name or "", email=row.email),
            )
        )
    return found
