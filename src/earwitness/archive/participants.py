"""Who took part in recordings, as every list of them shows it."""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import Connection, select

from earwitness.archive.among import POSITIONS, among, as_list
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


_PART = recording_endpoints.c
_OF_PAGE = (
    select(
        _PART.position,
        _PART.is_originator,
        _PART.is_recording_subject,
        _PART.user,
        endpoints.c.id,
        endpoints.c.type,
        endpoints.c.endpoint,
        people.c.id,
        people.c.full_name,
        people.c.email,
    )
    .select_from(recording_endpoints)
    .join(endpoints, endpoints.c.id == _PART.endpoint_id)
    .outerjoin(people, people.c.id == _PART.person_id)
    .where(among(_PART.position, POSITIONS))
    .order_by(_PART.position, _PART.ordinal)
)


def participants_of(connection: Connection, positions: Sequence[int]) -> dict[int, list[Participant]]:
    """The participants of each of these recordings, in the order they came."""
    found: dict[int, list[Participant]] = defaultdict(list)
    rows = connection.execute(_OF_PAGE, {"positions": as_list(positions)}).all()
    for position, is_originator, is_subject, user, endpoint_id, kind, value, person_id, name, email in rows:
        found[position].append(
            Participant(
                is_originator=is_originator,
                is_recording_subject=is_subject,
                user=user,
                endpoint=Endpoint(id=endpoint_id, type=kind, endpoint=value),
                person=NamedPerson(id=person_id, full_name=name or "", email=email),
            )
        )
    return found
