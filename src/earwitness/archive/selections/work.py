"""The batches of jobs that change selected recordings, or remove the members of what has ended."""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from earwitness.archive.database.in_list import among
from earwitness.archive.jobs import account_jobs, position_lists
from earwitness.archive.jobs.account_jobs import AccountJob, Found
from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.ledger import Entry
from earwitness.archive.recordings.collections import KINDS, Kind, recorded, take_out
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.selections.changes import Changes, make_changes


def find_selected(connection: Connection, job: AccountJob, most: int) -> Found:
    """The next of the recordings that were stored with the job."""
    return _found(position_lists.next_positions(connection, job.id, job.cursor, most), job, most)


def change_selected(connection: Connection, job: AccountJob, positions: Sequence[int]) -> None:
    """Make the changes. What could not be done is noted with the job."""
    changes = Changes.of(job.what)
    made = make_changes(connection, changes, positions)
    _append(connection, job, made.entries)
    position_lists.drop(connection, job.id, positions[-1])
    told: list[str] = job.what.get("leftOut", [])
    new = [one for one in made.left_out if one not in told]
    if made.missing or new:
        missing, told = job.what.get("missing", 0) + made.missing, [*told, *new]
        counted = [f"{missing} recordings were deleted before their turn."] if missing else []
        what = {**job.what, "missing": missing, "leftOut": told}
        account_jobs.remark(connection, job, what, " ".join([*told, *counted]))
        code = changes.response_code
        _append(connection, job, [Entry(job.id, "Selection", {"leftOut": one}, code) for one in new])


def find_members(connection: Connection, job: AccountJob, most: int) -> Found:
    """The next members of the collection that has ended."""
    kind, collection_id = _ended(job)
    beyond = () if job.cursor is None else (kind.members.c.position > job.cursor,)
    in_it = kind.members.c[kind.key] == collection_id
    next_ = select(kind.members.c.position).where(in_it, *beyond).order_by(kind.members.c.position)
    return _found(connection.scalars(next_.limit(most)).all(), job, most)


def remove_members(connection: Connection, job: AccountJob, positions: Sequence[int]) -> None:
    """Remove the rows of members, and note each in the ledger."""
    kind, collection_id = _ended(job)
    members = recorded(connection, among(recordings.c.position, positions))
    _append(connection, job, take_out(connection, kind, collection_id, members))


def _append(connection: Connection, job: AccountJob, entries: Sequence[Entry]) -> None:
    if job.audit_header_id is not None:
        ledger.append_under(connection, job.audit_header_id, entries)


def _found(positions: Sequence[int], job: AccountJob, most: int) -> Found:
    cursor = positions[-1] if positions else job.cursor
    return Found(positions, cursor, len(positions), is_last=len(positions) < most)


def _ended(job: AccountJob) -> tuple[Kind, int]:
    return next(kind for kind in KINDS if kind.key_name == job.what["collection"]), job.what["id"]
