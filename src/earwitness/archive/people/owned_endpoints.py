"""Folding the texts of a person's endpoints, which have its name: at once where they are few."""

from collections.abc import Callable, Collection, Sequence

from sqlalchemy import Connection, or_, select

from earwitness.archive.database.in_list import among
from earwitness.archive.jobs import account_jobs
from earwitness.archive.jobs.account_jobs import AccountJob, Found
from earwitness.archive.schema.people import endpoints
from earwitness.archive.substrings.progress import are_folded
from earwitness.archive.substrings.writing import fold_endpoints

MOST_AT_ONCE = 500
"""For more endpoints, folding would take other writers too long."""


def owned_by(connection: Connection, person_id: int) -> set[int]:
    """The endpoints of a person."""
    return set(connection.scalars(select(endpoints.c.id).where(endpoints.c.owned_by_person_id == person_id)))


def fold_owned(
    connection: Connection, person_id: int, before: Collection[int], order: Callable[..., int]
) -> None:
    """Fold the endpoints of a person anew, and those that it owned `before` and has lost.

    `order` orders a job of the account, as `Call.order` does. It has to be called again whenever the name of
    the person or its endpoints change: until a job is done, searches read what is not folded yet.
    """
    owned = owned_by(connection, person_id)
    changed = owned.union(before)
    if len(changed) <= MOST_AT_ONCE:
        fold_endpoints(connection, changed)
    else:
        order("folding", {"person": person_id, "lost": sorted({*before} - owned)}, total=len(changed))


def are_texts_of_endpoints_folded(connection: Connection) -> bool:
    """Whether the texts of all endpoints are folded by this program, with the names that owners have."""
    return are_folded(connection, "endpoints") and account_jobs.pending(connection, "folding") is None


def find(connection: Connection, job: AccountJob, most: int) -> Found[Sequence[int]]:
    """Find the next endpoints to fold. `cursor` is the last one that was."""
    id_, person_id = endpoints.c.id, job.what["person"]
    theirs = or_(endpoints.c.owned_by_person_id == person_id, among(id_, job.what["lost"]))
    next_ = select(id_).where(theirs, id_ > (job.cursor or 0)).order_by(id_)
    found = connection.scalars(next_.limit(most)).all()
    return Found(found, found[-1] if found else job.cursor, len(found), is_last=len(found) < most)


def write(connection: Connection, _job: AccountJob, endpoint_ids: Sequence[int]) -> None:
    """Fold some endpoints, as they are in this transaction."""
    fold_endpoints(connection, endpoint_ids)
