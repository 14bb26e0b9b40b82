"""Where work waits: marks in the directory, so that who looks for jobs opens only accounts that have some.

A mark is a hint, set right after the commit that queued a job. What a crash between the two left without
one is found by the workers' slow round over all accounts.
"""

import logging
from collections.abc import Mapping
from typing import Literal, TypeAlias

from sqlalchemy import Connection, Engine, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from earwitness.archive.database.transactions import reading, writing
from earwitness.archive.jobs.queue import Kind as JobKind
from earwitness.archive.schema.directory import accounts_with_work
from earwitness.kernel.clock import now_ms
from earwitness.kernel.outages import tell

log = logging.getLogger(__name__)

Kind: TypeAlias = JobKind | Literal["rebuild"]
"""Of jobs, and of what is done for an account and no recording: to write its text index anew."""

_marks = accounts_with_work.c


def mark(directory: Engine, client_id: int, due_at: Mapping[Kind, int] | Mapping[JobKind, int]) -> None:
    """Say that an account has jobs, by kind when the first is due. An earlier moment that is there stays."""
    with reading(directory) as connection:
        rows = connection.execute(select(_marks.kind, _marks.due_at).where(_marks.client_id == client_id))
        known = {row.kind: row.due_at for row in rows}
    missing = {kind: at for kind, at in due_at.items() if kind not in known or known[kind] > at}
    if not missing:
        return
    with writing(directory) as connection:
        for kind, at in missing.items():
            _add(connection, client_id, kind, at)


def mark_if_possible(directory: Engine, client_id: int, due_at: Mapping[JobKind, int]) -> None:
    """The same, after a commit that must not seem to have failed because this did."""
    try:
        mark(directory, client_id, due_at)
    except SQLAlchemyError as error:
        tell(log.warning, error, "the work of account %s was not marked", client_id)


def clear(directory: Engine, client_id: int, kind: Kind) -> None:
    """Take a mark away. Look into the account after this, not before: else a job could be missed."""
    with writing(directory) as connection:
        connection.execute(
            delete(accounts_with_work).where(_marks.client_id == client_id, _marks.kind == kind)
        )


def next_with_work(directory: Engine, kind: Kind, after: int) -> int | None:
    """The client id of an account with due jobs of a kind; asked on and on, each has its turn."""
    with reading(directory) as connection:
        return connection.scalar(
            select(_marks.client_id)
            .where(_marks.kind == kind, _marks.due_at <= now_ms())
            .order_by(_marks.client_id <= after, _marks.client_id)
            .limit(1)
        )


def _add(connection: Connection, client_id: int, kind: Kind, at: int) -> None:
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    added = dialect.insert(accounts_with_work).values(client_id=client_id, kind=kind, due_at=at)
    earlier = func.min if connection.dialect.name == "sqlite" else func.least
    connection.execute(
        added.on_conflict_do_update(
            index_elements=["kind", "client_id"],
            set_={"due_at": earlier(_marks.due_at, added.excluded.due_at)},
        )
    )
