"""The groups that people are assigned to: a name such as `Department`, and a value such as `Support`."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, delete, insert, select

from earwitness.archive.database.in_list import among
from earwitness.archive.schema.people import group_assignments, group_names, group_values
from earwitness.kernel.wire import Wire


class GroupAssignment(Wire):
    """A group that a person is in."""

    group_name: str
    group_value: str
    group_name_id: int
    group_value_id: int


def groups_of(connection: Connection, person_ids: Sequence[int]) -> dict[int, list[GroupAssignment]]:
    """The groups of each person, in the order in which their values were added."""
    rows = connection.execute(
        select(
            group_assignments.c.person_id,
            group_names.c.name,
            group_values.c.value,
            group_values.c.group_name_id,
            group_values.c.id,
        )
        .join(group_values, group_values.c.id == group_assignments.c.group_value_id)
        .join(group_names, group_names.c.id == group_values.c.group_name_id)
        .where(among(group_assignments.c.person_id, person_ids))
        .order_by(group_values.c.id)
    )
    found: dict[int, list[GroupAssignment]] = defaultdict(list)
    for row in rows:
        found[row.person_id].append(
            GroupAssignment(
                group_name=row.name,
                group_value=row.value,
                group_name_id=row.group_name_id,
                group_value_id=row.id,
            )
        )
    return found


def assign_groups(connection: Connection, person_id: int, groups: Iterable[tuple[str, str]]) -> None:
    """Put a person into exactly these groups, given as name and value. New names and values are added."""
    connection.execute(delete(group_assignments).where(group_assignments.c.person_id == person_id))
    value_ids = dict.fromkeys(_find_or_add_value(connection, name, value) for name, value in groups)
    if value_ids:
        connection.execute(
            insert(group_assignments),
            [{"person_id": person_id, "group_value_id": value_id} for value_id in value_ids],
        )


def _find_or_add_value(connection: Connection, name: str, value: str) -> int:
    name_id = connection.scalar(select(group_names.c.id).where(group_names.c.name == name))
    if name_id is None:
        added = insert(group_names).values(name=name).returning(group_names.c.id)
        name_id = connection.execute(added).scalar_one()
    this = (group_values.c.group_name_id == name_id) & (group_values.c.value == value)
    value_id = connection.scalar(select(group_values.c.id).where(this))
    if value_id is None:
        added = insert(group_values).values(group_name_id=name_id, value=value).returning(group_values.c.id)
        value_id = connection.execute(added).scalar_one()
    return int(value_id)
