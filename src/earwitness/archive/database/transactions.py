"""Transactions, on SQLite and on PostgreSQL.

A read is one snapshot. A write takes the write lock at its beginning, so that it never has to upgrade a read.
See principle 7 of `docs/architecture.md`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from earwitness.archive.database.errors import as_problem, cause_of, is_of_the_server, is_outage, meaning_of
from earwitness.archive.database.replication import check_committed
from earwitness.archive.database.time_limits import LEAST_SECONDS_OF_A_WRITE, Allowance, Limit, limited
from earwitness.kernel import deadlines
from earwitness.kernel.errors import OutOfTime
from earwitness.kernel.outages import outages

IDLE_MS = 10_000
"""How long PostgreSQL lets a write wait for its next statement, before it considers the writer dead.

Other writers wait meanwhile, and nothing else notices a process that stopped while its connection is open.
"""


@contextmanager
def reading(engine: Engine, allowed: Allowance | None = None, *, once: bool = False) -> Iterator[Connection]:
    """Give a connection in a read-only transaction that sees one moment.

    If it is used only `once`, PostgreSQL makes a transaction of the statement itself, which saves two trips.
    Raises OutOfTime where it takes longer than is allowed; the connection can still be used.
    """
    if engine.dialect.name == "postgresql":
        level = "AUTOCOMMIT" if once and allowed is None else "REPEATABLE READ"
        engine = engine.execution_options(isolation_level=level, postgresql_readonly=True)
    with (
        _watched(engine),
        engine.connect() as connection,
        connection.begin(),
        limited(connection, Limit.of(connection, allowed) if allowed else None),
    ):
        yield connection


@contextmanager
def writing(engine: Engine, *, patient: bool = False, is_durable: bool = True) -> Iterator[Connection]:
    """Give a connection in a transaction that commits at the end, or rolls back on an error.

    It may take as long as its call, and then raises OutOfTime. Outside a call it has no limit.
    PostgreSQL ends it when it waits longer than `IDLE_MS` for the next statement, unless it is `patient`: for
    rare work that takes long outside the database.
    If it is not `is_durable`, a power failure may undo it: for hints that are found again without it.
    Raises BadRequest for a text that is longer than the database takes, so that nobody tries again.
    """
    seconds = max(deadlines.seconds_left(), LEAST_SECONDS_OF_A_WRITE)
    limit = Limit(monotonic() + seconds, problem=_not_written)
    limit.idle_ms = 0 if patient else IDLE_MS
    try:
        options = {"writes": True, "is_durable": is_durable}
        with _watched(engine), engine.execution_options(**options).connect() as connection:
            with connection.begin(), limited(connection, limit):
                if not is_durable and connection.dialect.name == "postgresql":
                    connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
                yield connection
            check_committed(connection)
    except DBAPIError as error:
        if meaning_of(error) == "too long":
            raise as_problem(error) from None
        raise


def _not_written() -> OutOfTime:
    return OutOfTime(
        "The time limit was exceeded, and nothing was changed; change less at once, or use the "
        "command line, which has no limit.",
        headers={"Retry-After": "5"},
    )


@contextmanager
def _watched(engine: Engine) -> Iterator[None]:
    """Report to `outages` that the database failed in a transaction, or that it works again."""
    try:
        yield
    except (DBAPIError, PoolTimeout) as error:
        if is_outage(error) and not getattr(error, "is_told", False):
            server, own = _names(engine)
            what = server if is_of_the_server(error) else own
            outages.failed(what, cause_of(error), key=_key(engine, what))
            vars(error)["is_told"] = True
        raise
    if outages.are_there:
        for what in _names(engine):
            outages.worked(what, key=_key(engine, what))


def _names(engine: Engine) -> tuple[str, str]:
    """What to call the whole server or file in a report of an outage, and this account's part of it."""
    if engine.dialect.name == "sqlite":
        file = Path(engine.url.database or "")
        name = f"database of account {file.parent.name}" if file.name == "archive.db" else "database"
        return name, name
    schemas = engine.get_execution_options().get("schema_translate_map") or {}
    schema = schemas.get(None)
    return "database", f"database of account {schema.removeprefix('account_')}" if schema else "database"


def _key(engine: Engine, what: str) -> str:
    return f"{what}, {engine.url if engine.dialect.name == 'sqlite' else id(engine.pool)}"
