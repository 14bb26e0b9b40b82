"""The participants of recordings, as the API shows them."""

from sqlalchemy import func, select

from earwitness.archive.database.json_columns import as_array, as_object
from earwitness.archive.schema.people import endpoints, people
from earwitness.archive.schema.recordings import recording_endpoints, recordings
from earwitness.kernel.wire import Wire


class Endpoint(Wire):
    """A phone number, an email address or a Teams user id."""

    id: int
    type: str
    endpoint: str


class NamedPerson(Wire):
    """The person; all fields are empty if unknown."""

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
_PARTS = (
    select(
        _PART.is_originator,
        _PART.is_recording_subject,
        _PART.user,
        endpoints.c.id.label("endpoint_id"),
        endpoints.c.type,
        endpoints.c.endpoint,
        people.c.id.label("person_id"),
        people.c.full_name,
        people.c.email,
    )
    .select_from(recording_endpoints)
    .join(endpoints, endpoints.c.id == _PART.endpoint_id)
    .outerjoin(people, people.c.id == _PART.person_id)
    .where(_PART.position == recordings.c.position)
    .order_by(_PART.ordinal)
    .correlate(recordings)
    .subquery("parts")
).c

PARTICIPANTS = as_array(
    as_object(
        Participant,
        is_originator=_PARTS.is_originator,
        is_recording_subject=_PARTS.is_recording_subject,
        user=_PARTS.user,
        endpoint=as_object(
            Endpoint,
            id=_PARTS.endpoint_id,
            type=_PARTS.type,
            endpoint=_PARTS.endpoint,
        ),
        person=as_object(
            NamedPerson,
            id=_PARTS.person_id,
            full_name=func.coalesce(_PARTS.full_name, ""),
            email=_PARTS.email,
        ),
    )
)
"""The participants of a row of `recordings`, in order: a JSON list of `Participant`."""
