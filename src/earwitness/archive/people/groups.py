"""The groups that people are assigned to: a name such as `Department`, and a value such as `Support`."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import Connection, delete, insert, select

from earwitness.archive.database.bulk_insert import insert_many
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
    value_ids = set(_find_or_add_values(connection, dict.fromkeys(groups)).values())
    rows = [{"person_id": person_id, "group_value_id": value_id} for value_id in sorted(value_ids)]
    insert_many(connection, group_assignments, rows)


def _find_or_add_values(
    connection: Connection, groups: Collection[tuple[str, str]]
) -> dict[tuple[str, str], int]:
    """The ids of groups' values, by name and value."""
    name_ids = _find_or_add_names(connection, dict.fromkeys(name for name, _ in groups))
    here = group_values.c
    wanted = {(name_ids[name], value): (name, value) for name, value in groups}
    named = among(here.group_name_id, list(name_ids.values())), among(here.value, [one for _, one in wanted])
    rows = connection.execute(select(here.id, here.group_name_id, here.value).where(*named)).all()
    ids: dict[tuple[int, str], int] = {(row.group_name_id, row.value): row.id for row in rows}
    new = [{"group_name_id": one, "value": value} for one, value in wanted if (one, value) not in ids]
    if new:
        added = insert(group_values).returning(here.id, here.group_name_id, here.value)
        ids |= {(row.group_name_id, row.value): row.id for row in connection.execute(added, new)}
    return {named: ids[one] for one, named in wanted.items()}


def _find_or_add_names(connection: Connection, names: Collection[str]) -> dict[str, int]:
    """The ids of groups, by name."""
    here = group_names.c
    rows = connection.execute(select(here.name, here.id).where(among(here.name, list(names)))).all()
    ids: dict[str, int] = {row.name: row.id for row in rows}
    if new := [{"name": name} for name in names if name not in ids]:
        added = insert(group_names).returning(here.name, here.id)
        ids |= {row.name: row.id for row in connection.execute(added, new)}
    return ids
