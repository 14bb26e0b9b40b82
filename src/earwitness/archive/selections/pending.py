"""What jobs will have done when they are through: answers tell it before."""

from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import Connection, select

from earwitness.archive.jobs import account_jobs, position_lists
from earwitness.archive.jobs.account_jobs import AccountJob
from earwitness.archive.recordings.collections import Kind
from earwitness.archive.recordings.legal_holds import LegalHold
from earwitness.archive.schema.recordings import legal_holds
from earwitness.archive.selections.changes import Changes


def pending_on(connection: Connection, kind: Kind, collection_id: int) -> int | None:
    """The newest job that still puts recordings into a collection or takes some out, if there is one."""
    jobs = (
        job.id
        for job, changes in _pending(connection)
        if collection_id in {changes.put_in.get(kind.key_name), changes.take_out.get(kind.key_name)}
    )
    return max(jobs, default=None)


def is_opposed(connection: Connection, changes: Changes) -> bool:
    """Whether a job does the opposite of some changes, so that they have to wait for it."""
    return any(changes.opposes(others) for _, others in _pending(connection))


def holds_to_come(connection: Connection, positions: Sequence[int]) -> Mapping[int, list[LegalHold]]:
    """The holds into which jobs will put these recordings; they hold them already."""
    placing = [
        (job, hold_id)
        for job, changes in _pending(connection)
        if (hold_id := changes.put_in.get("legalHold"))
    ]
    if not placing:
        return {}
    these = legal_holds.c.id.in_({hold_id for _, hold_id in placing}), legal_holds.c.ended_at.is_(None)
    names = {
        row.id: row.name
        for row in connection.execute(select(legal_holds.c.id, legal_holds.c.name).where(*these))
    }
    held: dict[int, list[LegalHold]] = {}
    for job, hold_id in placing:
        if hold_id not in names:
            continue
        for position in position_lists.those_in(connection, job.id, positions):
            if job.cursor is None or position > job.cursor:
                held.setdefault(position, []).append(LegalHold(id=hold_id, name=names[hold_id]))
    return held


def _pending(connection: Connection) -> Iterator[tuple[AccountJob, Changes]]:
    for job in account_jobs.waiting(connection, "selection"):
        yield job, Changes.of(job.what)
