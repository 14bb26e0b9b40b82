"""People as the API shows them, in every list."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from msgspec import UNSET, UnsetType
from sqlalchemy import Connection, select

from earwitness.archive.access.viewer import Viewer
from earwitness.archive.database.in_list import among
from earwitness.archive.people.communications import (
    Interactions,
    interactions_of,
    is_recorded,
    most_recent_ends,
)
from earwitness.archive.people.groups import GroupAssignment, groups_of
from earwitness.archive.recordings.retention_groups import GROUP_OF_PERSON
from earwitness.archive.schema.people import endpoints, people
from earwitness.kernel.clock import format_ms
from earwitness.kernel.wire import MomentText, Wire


class OwnedEndpoint(Wire):
    """One of a person's addressable identities."""

    id: int
    type: str
    endpoint: str
    owned_by_person_id: int
    is_recorded: bool


class Person(Wire):
    """A person; fields that may be absent are included on request."""

    id: int
    full_name: str
    email: str | None
    third_party_id: str | None
    person_type: str
    is_active: bool
    avatar: str | None
    retention_group_id: int | None
    most_recent_comm_at: MomentText | None
    endpoints: list[OwnedEndpoint]
    auto_group_assignment: list[GroupAssignment]
    metadata: dict[str, Any]
    interactions: Interactions | UnsetType = UNSET
    byo_storage_account_id: int | UnsetType | None = UNSET


def person_records(
    connection: Connection,
    viewer: Viewer,
    person_ids: Sequence[int],
    *,
    interactions: bool = False,
    storage: bool = False,
) -> list[Person]:
    """The people of these ids, in the order of the ids. Unknown ids are left out.

    `interactions` adds how many recordings they took part in, `storage` adds `byoStorageAccountId`.
    """
    if not person_ids:
        return []
    rows = connection.execute(
        select(people, GROUP_OF_PERSON.label("group_id")).where(among(people.c.id, person_ids))
    )
    found = {row.id: row for row in rows}
    ends = most_recent_ends(connection, viewer, "person_id", person_ids)
    owned = _endpoints_of(connection, viewer, person_ids)
    groups = groups_of(connection, person_ids)
    counted = interactions_of(connection, viewer, person_ids) if interactions else {}
    none_at_all = Interactions(total=0, last_30_days=0)
    return [
        Person(
            id=row.id,
            full_name=row.full_name,
            email=row.email,
            third_party_id=row.third_party_id,
            person_type=row.person_type,
            is_active=row.is_active,
            avatar=row.avatar,
            retention_group_id=row.group_id,
            byo_storage_account_id=row.byo_storage_account_id if storage else UNSET,
            most_recent_comm_at=format_ms(ends[row.id]) if row.id in ends else None,
            endpoints=owned[row.id],
            auto_group_assignment=groups[row.id],
            metadata=row.metadata,
            interactions=counted.get(row.id, none_at_all) if interactions else UNSET,
        )
        for row in (found[one] for one in person_ids if one in found)
    ]


def _endpoints_of(
    connection: Connection, viewer: Viewer, person_ids: Sequence[int]
) -> dict[int, list[OwnedEndpoint]]:
    rows = connection.execute(
        select(endpoints, is_recorded(viewer).label("is_recorded"))
        .where(among(endpoints.c.owned_by_person_id, person_ids))
        .order_by(endpoints.c.id)
    )
    owned: dict[int, list[OwnedEndpoint]] = defaultdict(list)
    for row in rows:
        owned[row.owned_by_person_id].append(
            OwnedEndpoint(
                id=row.id,
                type=row.type,
                endpoint=row.endpoint,
                owned_by_person_id=row.owned_by_person_id,
                is_recorded=bool(row.is_recorded),
            )
        )
    return owned
