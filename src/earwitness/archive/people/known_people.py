"""Checking that ids of people exist."""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from earwitness.archive.database.in_list import among
from earwitness.archive.schema.people import people
from earwitness.kernel.errors import BadRequest, Fault

_FAULTS_NAMED = 20


def check_people(connection: Connection, path: str, person_ids: Sequence[int]) -> None:
    """Raise BadRequest naming each id, in the list at `path`, that no person has."""
    known = set(connection.scalars(select(people.c.id).where(among(people.c.id, person_ids))))
    faults = [
        Fault(f"{path}[{index}]", f"there is no person {one}")
        for index, one in enumerate(person_ids)
        if one not in known
    ]
    if faults:
        raise BadRequest.of(*faults[:_FAULTS_NAMED])
