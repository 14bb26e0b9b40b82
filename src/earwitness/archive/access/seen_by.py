"""What decides who may see a recording, read at one moment and kept for later.

`visibility.py` has the same rules as conditions of the database, for recordings as they are now.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from earwitness.archive.database.in_list import POSITIONS, among, as_list
from earwitness.archive.schema.recordings import recording_endpoints, recordings


@dataclass(frozen=True, slots=True)
class SeenBy:
    """What decided who could see a recording at some moment."""

    is_private: bool
    type: str
    data_groups: Mapping[str, str]
    person_ids: frozenset[int]
    users: frozenset[str]
    """The participants' user names, folded."""

    @property
    def as_json(self) -> dict[str, Any]:
        return {
            "isPrivate": self.is_private,
            "type": self.type,
            "dataGroups": dict(self.data_groups),
            "personIds": sorted(self.person_ids),
            "users": sorted(self.users),
        }

    @classmethod
    def of_json(cls, kept: Mapping[str, Any]) -> "SeenBy":
        return cls(
            kept["isPrivate"],
            kept["type"],
            kept["dataGroups"],
            frozenset(kept["personIds"]),
            frozenset(kept["users"]),
        )


def read_seen_by(connection: Connection, positions: Sequence[int]) -> dict[int, SeenBy]:
    """What decides now who may see the recordings at some positions."""
    asked = {"positions": as_list(positions)}
    people: dict[int, set[int]] = defaultdict(set)
    users: dict[int, set[str]] = defaultdict(set)
    for position, person_id, user in connection.execute(_PARTICIPANTS, asked):
        if person_id is not None:
            people[position].add(person_id)
        if user:
            users[position].add(user)
    return {
        row.position: SeenBy(
            row.is_private,
            row.type,
            row.data_groups,
            frozenset(people[row.position]),
            frozenset(users[row.position]),
        )
        for row in connection.execute(_RECORDINGS, asked)
    }


_RECORDINGS = select(
    recordings.c.position, recordings.c.is_private, recordings.c.type, recordings.c.data_groups
).where(among(recordings.c.position, POSITIONS))
_PARTICIPANTS = select(
    recording_endpoints.c.position, recording_endpoints.c.person_id, recording_endpoints.c.user_folded
).where(among(recording_endpoints.c.position, POSITIONS))
