"""What jobs will have done when they are through: answers tell it before."""

from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import Connection, select

from earwitness.archive.jobs import account_jobs, position_lists
from earwitness.archive.jobs.account_jobs import AccountJob
from earwitness.archive.recordings.collections import Kind
from earwitness.archive.recordings.legal_holds import LegalHold
from earwitness.archive.schema.recordings import legal_holds
from earwitness.archive.selections.changes import Changes


def pending_on(connection: Connection, kind: Kind, *collection_ids: int) -> int | None:
    """The newest job that still puts recordings into a collection or takes some out, if there is one."""
    jobs = (
        job.id
        for job, changes in _pending(connection)
        if {changes.put_in.get(kind.key_name), changes.take_out.get(kind.key_name)} & {*collection_ids}
    )
    return max(jobs, default=None)


def is_tag_pending(connection: Connection, tag_id: int) -> bool:
    """Whether a job still adds a tag to recordings, or takes it from them."""
    return any(tag_id in (*changes.add_tags, *changes.remove_tags) for _, changes in _pending(connection))


def is_opposed(connection: Connection, changes: Changes) -> bool:
    """Whether a job does the opposite of some changes, so that they have to wait for it."""
    return any(changes.opposes(others) for _, others in _pending(connection))


def holds_to_come(
    connection: Connection, positions: Sequence[int]
) -> Mapping[int, Mapping[int, LegalHold | None]]:
    """The holds into which jobs will put recordings, by their ids; None for one that they will leave."""
    changing: list[tuple[AccountJob, int, bool]] = []
    for job, changes in _pending(connection):
        put_in, taken_out = changes.put_in.get("legalHold"), changes.take_out.get("legalHold")
        hold_id = taken_out if put_in is None else put_in
        if hold_id is not None:
            changing.append((job, hold_id, put_in is not None))
    if not changing:
        return {}
    these = legal_holds.c.id.in_({hold_id for _, hold_id, _ in changing}), legal_holds.c.ended_at.is_(None)
    found = connection.execute(select(legal_holds.c.id, legal_holds.c.name).where(*these))
    holds = {row.id: LegalHold(id=row.id, name=row.name) for row in found}
    held: dict[int, dict[int, LegalHold | None]] = {}
    for job, hold_id, is_put_in in changing:  # in their order, so the last one counts
        if hold_id not in holds:
            continue
        for position in position_lists.those_in(connection, job.id, positions):
            if job.cursor is None or position > job.cursor:
                held.setdefault(position, {})[hold_id] = holds[hold_id] if is_put_in else None
    return held


def _pending(connection: Connection) -> Iterator[tuple[AccountJob, Changes]]:
    for job in account_jobs.waiting(connection, "selection"):
        yield job, Changes.of(job.what)
