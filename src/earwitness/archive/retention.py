"""How long a recording is kept: from its subjects' retention groups, or the account's default."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, select, update

from earwitness.archive.schema.people import account, people, retention_groups
from earwitness.archive.schema.recordings import recording_endpoints, recordings
from earwitness.kernel.clock import MS_PER_DAY

Durations = dict[str, int | None]


@dataclass(frozen=True, slots=True)
class Retention:
    """The days a recording is kept after its end (None: for ever), and the group that says so."""

    days: int | None
    retention_group_id: int | None

    def retain_until(self, ended_at: int) -> int | None:
        return None if self.days is None else ended_at + self.days * MS_PER_DAY


def days_for(durations: Durations, communication_type: str) -> int | None:
    """The value for a type of recording, else the default."""
    return durations[communication_type] if communication_type in durations else durations.get("default")


def longest(candidates: Iterable[Retention]) -> Retention:
    """The longest wins; for ever beats any number; among equals, the first."""
    return max(candidates, key=lambda retention: float("inf") if retention.days is None else retention.days)


def retention_of(
    connection: Connection, communication_type: str, subject_person_ids: Iterable[int]
) -> Retention:
    """What applies to a recording of these subjects: a subject without a group has the account default."""
    subjects = sorted(set(subject_person_ids))
    default = connection.execute(select(account.c.default_retention)).scalar_one()
    by_default = Retention(days_for(default, communication_type), None)
    groups = {
        row.id: Retention(days_for(row.retention_group, communication_type), row.retention_group_id)
        for row in connection.execute(
            select(people.c.id, people.c.retention_group_id, retention_groups.c.retention_group)
            .join(retention_groups, retention_groups.c.id == people.c.retention_group_id)
            .where(people.c.id.in_(subjects))
        )
    }
    return longest([groups.get(person, by_default) for person in subjects] or [by_default])


def recompute(connection: Connection, positions: Iterable[int]) -> None:
    """Set anew until when these recordings are kept."""
    for position in positions:
        row = connection.execute(
            select(recordings.c.type, recordings.c.ended_at).where(recordings.c.position == position)
        ).one()
        part = recording_endpoints.c
        subjects = connection.scalars(
            select(part.person_id).where(
                part.position == position, part.is_recording_subject, part.person_id.is_not(None)
            )
        )
        retention = retention_of(connection, row.type, subjects)
        connection.execute(
            update(recordings)
            .where(recordings.c.position == position)
            .values(
                retention_group_id=retention.retention_group_id,
                retain_until=retention.retain_until(row.ended_at),
            )
        )
