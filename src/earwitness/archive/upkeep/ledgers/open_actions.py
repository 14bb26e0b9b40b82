"""Ends actions whose command died between two of its turns, so that the log has what they did.

A job of the account goes on after a crash, and ends its action itself. A command does not: what it wrote
would wait for ever for the rest. Each of its turns takes a blink, so after a day it is dead; one that was
only halted goes on under a new header.
"""

from sqlalchemy import ColumnElement, Connection, exists, func, select

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.ledger import ledger
from earwitness.archive.schema.ledger import ledger_leaves
from earwitness.archive.schema.work import account_jobs, audit_headers
from earwitness.archive.upkeep.ledgers import ledger_beginning
from earwitness.kernel.clock import MS_PER_DAY, now_ms

_header = audit_headers.c


def end_dead(archive: Archive) -> int:
    """End actions that were begun a day ago or earlier, and that no job goes on with. Returns how many."""
    with archive.read() as connection:
        due_at = next_due_at(connection)
    if due_at is None or due_at > now_ms():
        return 0
    with archive.write(locked=False) as connection:  # it locks its own rows alone
        is_old = _header.inserted_at <= now_ms() - MS_PER_DAY
        dead = connection.scalars(select(_header.id).where(*_is_open(), is_old)).all()
        for header in dead:
            ledger.end_batches(connection, header)
    return len(dead)


def next_due_at(connection: Connection) -> int | None:
    """When the next of such actions can be ended; None if there is none."""
    if ledger_beginning.is_left(connection):
        return None  # it takes as long as it takes, and is open until then
    first = connection.scalar(select(func.min(_header.inserted_at)).where(*_is_open()))
    return None if first is None else int(first) + MS_PER_DAY


def _is_open() -> tuple[ColumnElement[bool], ...]:
    leaf, job = ledger_leaves.c, account_jobs.c
    return (
        _header.ordered_by_header_id.is_not(None),
        ~_header.is_pending,
        ~exists().where(leaf.audit_header_id == _header.id),
        ~exists().where(job.audit_header_id == _header.id, job.state != "done"),
    )
