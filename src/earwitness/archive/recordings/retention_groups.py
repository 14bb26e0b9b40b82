"""Retention groups that are deleted: at once where few people are in one, else they leave it in batches.

A group of more people ends, as a legal hold does: from then on nobody is in it, although its people still
have its number. A job takes this from them. Whoever reads the group of a person leaves out ended ones.
"""

import uuid
from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, and_, case, delete, exists, or_, select, update

from earwitness.archive.database.in_list import among
from earwitness.archive.jobs.account_jobs import AccountJob, Found
from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.touched import touch
from earwitness.archive.schema.people import people, retention_groups
from earwitness.kernel.clock import now_ms

MOST_MOVED_AT_ONCE = 10_000
"""So many people leave a group in the transaction of a change, which takes them about 20 ms."""

LASTS = retention_groups.c.ended_at.is_(None)
"""Whether a group has not ended."""

_IN_ENDED = people.c.retention_group_id.in_(select(retention_groups.c.id).where(~LASTS))

GROUP_OF_PERSON: ColumnElement[int | None] = case((~_IN_ENDED, people.c.retention_group_id))
"""The group that a row of `people` is in; none if it has ended."""


def is_in(group_id: int | None) -> ColumnElement[bool]:
    """Whether a person is in a group, or in none."""
    stored = people.c.retention_group_id
    if group_id is None:
        return or_(stored.is_(None), _IN_ENDED)
    return and_(stored == group_id, ~_IN_ENDED)


def end_group(connection: Connection, group_id: int) -> None:
    """End a group that has very many people. Its name is free from now on; the ledger has it."""
    ended = {"ended_at": now_ms(), "name": f"ended {uuid.uuid4()}"}
    connection.execute(update(retention_groups).where(retention_groups.c.id == group_id).values(ended))


def find(connection: Connection, job: AccountJob, most: int) -> Found[Sequence[int]]:
    """Find the next people who still have the number of the group. Nobody comes into one that has ended."""
    these = people.c.retention_group_id == job.what["group"]
    found = connection.scalars(select(people.c.id).where(these).order_by(people.c.id).limit(most)).all()
    return Found(found, None, len(found), is_last=len(found) < most)


def write(connection: Connection, job: AccountJob, person_ids: Sequence[int]) -> None:
    """Take the number of the group from some people, and remove the group after the last one."""
    group_id = job.what["group"]
    has_it = people.c.retention_group_id == group_id
    connection.execute(
        update(people).where(has_it, among(people.c.id, person_ids)).values(retention_group_id=None)
    )
    is_empty = ~exists(select(1).where(has_it))
    removed = delete(retention_groups).where(retention_groups.c.id == group_id, is_empty)
    if connection.execute(removed).rowcount:
        touch(connection, "RetentionGroup", [group_id])
        ledger.append_under(connection, job.header, [])
