"""The batches of jobs that change selected recordings, or remove the members of what has ended."""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from earwitness.archive.jobs import account_jobs, position_lists
from earwitness.archive.jobs.account_jobs import AccountJob, Found, Stretch, stretch_of
from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.ledger import Entry
from earwitness.archive.recordings.collections import KINDS, Kind, recorded, take_out
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.selections.changes import Changes, make_changes


def find_selected(connection: Connection, job: AccountJob, most: int) -> Found[Sequence[int]]:
    """The next of the recordings that were stored with the job."""
    found = position_lists.next_positions(connection, job.id, job.cursor, most)
    return Found(found, found[-1] if found else job.cursor, len(found), is_last=len(found) < most)


def change_selected(connection: Connection, job: AccountJob, positions: Sequence[int]) -> None:
    """Make the changes. What could not be done is noted with the job."""
    changes = Changes.of(job.what)
    made = make_changes(connection, changes, positions, job.header)
    position_lists.drop(connection, job.id, positions[-1])
    told: list[str] = job.what.get("leftOut", [])
    new = [one for one in made.left_out if one not in told]
    if made.missing or new:
        missing, told = job.what.get("missing", 0) + made.missing, [*told, *new]
        counted = [f"{missing} recordings were deleted before their turn."] if missing else []
        what = {**job.what, "missing": missing, "leftOut": told}
        account_jobs.remark(connection, job, what, " ".join([*told, *counted]))
        code = changes.response_code
        entries = [Entry(job.id, "Selection", {"leftOut": one}, code) for one in new]
        ledger.append_under(connection, job.header, entries)


def find_members(connection: Connection, job: AccountJob, most: int) -> Found[Stretch]:
    """The next members of the collection that has ended."""
    kind, collection_id = _ended(job)
    here = kind.members.c
    beyond = () if job.cursor is None else (here.position > job.cursor,)
    members = select(here.position).where(here[kind.key] == collection_id, *beyond)
    found = stretch_of(connection, members, most)
    return Found(found, found.last if found else job.cursor, len(found), is_last=len(found) < most)


def remove_members(connection: Connection, job: AccountJob, these: Stretch) -> None:
    """Remove the rows of members, and note each in the ledger."""
    kind, collection_id = _ended(job)
    here = kind.members.c
    within = here.position.between(these.first, these.last)
    members = select(here.position).where(here[kind.key] == collection_id, within)
    position = recordings.c.position
    found = recorded(connection, position.in_(members), position.between(these.first, these.last))
    ledger.append_under(connection, job.header, take_out(connection, kind, collection_id, found))


def _ended(job: AccountJob) -> tuple[Kind, int]:
    return next(kind for kind in KINDS if kind.key_name == job.what["collection"]), job.what["id"]
