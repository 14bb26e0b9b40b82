"""Marks in the directory that say which accounts have work, so that workers open only those.

A mark is set right after the commit that queued a job. If a process dies between the two, the mark is missing
until a worker looks into the account on its slow round over all accounts. So a mark is not flushed to the
disk: after a power failure, workers look into all accounts when they start.
"""

import logging
from collections.abc import Collection, Mapping

from sqlalchemy import Connection, Engine, bindparam, delete, func, select
from sqlalchemy.exc import SQLAlchemyError

from earwitness.archive.database.engines import KEEPS_ITS_PLAN
from earwitness.archive.database.transactions import reading, writing
from earwitness.archive.jobs.kinds import WorkKind
from earwitness.archive.schema.dialects import insert_into
from earwitness.archive.schema.directory import accounts_with_work
from earwitness.kernel.clock import now_ms
from earwitness.kernel.errors import Problem
from earwitness.kernel.outages import tell

log = logging.getLogger(__name__)

_marks = accounts_with_work.c
_KNOWN = (
    select(_marks.kind, _marks.due_at)
    .where(_marks.client_id == bindparam("client_id"))
    .execution_options(**KEEPS_ITS_PLAN)
)


def mark(directory: Engine, client_id: int, due_at: Mapping[WorkKind, int]) -> dict[str, int]:
    """Mark an account as having work; `due_at` says when the first of each kind is due.

    A mark that is there already keeps its time if that is earlier. Returns the time of each mark.
    """
    with reading(directory, once=True) as connection:
        known: dict[str, int] = dict(connection.execute(_KNOWN, {"client_id": client_id}).all())
    missing = {kind: at for kind, at in due_at.items() if kind not in known or known[kind] > at}
    if not missing:
        return known
    with writing(directory, is_durable=False) as connection:
        for kind, at in missing.items():
            _add(connection, client_id, kind, at)
    return known | dict(missing)


def mark_if_possible(directory: Engine, client_id: int, due_at: Mapping[WorkKind, int]) -> dict[str, int]:
    """Mark an account after a commit. An error is only logged: the commit itself has succeeded."""
    try:
        return mark(directory, client_id, due_at)
    except (SQLAlchemyError, Problem) as error:
        tell(log.warning, error, "account %s could not be marked as having work", client_id)
        return {}


def clear(directory: Engine, client_id: int, kind: WorkKind) -> None:
    """Remove a mark. Look into the account after this, not before, or a new job could be missed."""
    with writing(directory, is_durable=False) as connection:
        connection.execute(
            delete(accounts_with_work).where(_marks.client_id == client_id, _marks.kind == kind)
        )


def next_account(directory: Engine, kind: WorkKind, after: int, *, but: Collection[int] = ()) -> int | None:
    """Get the client id of an account with due work of a kind: the next after `after`, else the first.

    Those in `but` are left out.
    """
    with reading(directory) as connection:
        return connection.scalar(
            select(_marks.client_id)
            .where(_marks.kind == kind, _marks.due_at <= now_ms(), _marks.client_id.not_in(but))
            .order_by(_marks.client_id <= after, _marks.client_id)
            .limit(1)
        )


def _add(connection: Connection, client_id: int, kind: WorkKind, at: int) -> None:
    dialect = connection.dialect.name
    added = insert_into(accounts_with_work, dialect).values(client_id=client_id, kind=kind, due_at=at)
    earlier = func.min if dialect == "sqlite" else func.least
    connection.execute(
        added.on_conflict_do_update(
            index_elements=["kind", "client_id"],
            set_={"due_at": earlier(_marks.due_at, added.excluded.due_at)},
        )
    )
