"""Engines and transactions, on SQLite and on PostgreSQL.

A read is one snapshot. A write takes its place in the queue at its beginning, so that it never has to
upgrade. See idea 7 of `docs/architecture.md`.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import SQLITE_FULL, SQLITE_INTERRUPT
from sqlite3 import Connection as SQLiteConnection
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Connection, Engine, Text, bindparam, create_engine, event, func, make_url, select
from sqlalchemy.engine.interfaces import ExecutionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from earwitness.kernel.errors import OutOfTime, Problem, StorageFull, Unavailable
from earwitness.kernel.settings import extra_for

if TYPE_CHECKING:
    from psycopg import Cursor

BUSY_MS = 30_000
"""How long a call waits for another writer before it is told to try again."""

_STEPS_BETWEEN_LOOKS = 50_000
_NEVER = 2**62  # questions until psycopg prepares one by itself; None would forbid it to all
_DISK_FULL, _CANCELED = "53100", "57014"  # of PostgreSQL's error codes

KEEPS_ITS_PLAN = {"keeps_its_plan": True}
"""Execution options of a statement that PostgreSQL plans once a connection, as planning it takes longer.

A plan that is to serve any word serves common ones badly: all others are planned each time they are asked.
"""

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA mmap_size = 2147418112",  # the most there is
    "PRAGMA cache_size = -16384",  # in KiB, for what lies beyond it
)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def sqlite_engine(file: Path) -> Engine:
    """Open a SQLite file, which is made if there is none."""
    engine = create_engine(
        f"sqlite:///{file}",
        pool_size=16,
        max_overflow=64,
        json_serializer=_json,
        json_deserializer=msgspec.json.decode,
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: SQLiteConnection, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")  # first: all others may have to wait
        for pragma in _PRAGMAS:
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def postgres_engine(url: str) -> Engine:
    """Open a PostgreSQL database by a `postgresql://` URL, through psycopg 3. Raises SettingError."""
    with extra_for("EARWITNESS_DATABASE_URL", extra="postgres", brings="psycopg"):
        engine = create_engine(
            make_url(url).set(drivername="postgresql+psycopg"),
            pool_size=16,
            max_overflow=64,
            pool_pre_ping=True,
            json_serializer=_json,
            json_deserializer=msgspec.json.decode,
            connect_args={"options": f"-c jit=off -c lock_timeout={BUSY_MS}", "prepare_threshold": _NEVER},
        )

    @event.listens_for(engine, "do_execute")
    def execute(cursor: "Cursor[Any]", statement: Any, parameters: Any, context: ExecutionContext) -> bool:
        keeps_its_plan: bool = context.execution_options.get("keeps_its_plan", False)
        if keeps_its_plan:
            cursor.execute(statement, parameters, prepare=True)
        return keeps_its_plan

    return engine


def is_full(error: DBAPIError) -> bool:
    """Whether a database refused a change for want of room; the change did not happen."""
    return _says(error, SQLITE_FULL, _DISK_FULL)


def _says(error: Exception, of_sqlite: int, of_postgres: str) -> bool:
    cause = error.orig if isinstance(error, DBAPIError) else None
    code, state = getattr(cause, "sqlite_errorcode", None), getattr(cause, "sqlstate", None)
    return code == of_sqlite or state == of_postgres


def as_problem(error: Exception) -> Problem:
    """What to say when a database could not do its part: it is locked, gone, overrun, or has no room left."""
    if isinstance(error, DBAPIError) and is_full(error):
        return StorageFull("The database has no room left.")
    if _says(error, SQLITE_INTERRUPT, _CANCELED):
        return OutOfTime("This takes too long to answer; ask for less, as a shorter dateTimeRange.")
    return Unavailable("The database does not answer at the moment.", headers={"Retry-After": "5"})


@contextmanager
def reading(engine: Engine, seconds: int | None = None) -> Iterator[Connection]:
    """Give a connection in a read-only transaction that sees one moment.

    What is still being looked for after `seconds` raises OperationalError; the connection goes on.
    """
    if engine.dialect.name == "postgresql":
        engine = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with engine.connect() as connection, connection.begin(), _limited(connection, seconds):
        yield connection


_LIMIT = select(
    func.set_config("statement_timeout", bindparam("milliseconds", type_=Text), True)
).execution_options(**KEEPS_ITS_PLAN)


@contextmanager
def _limited(connection: Connection, seconds: int | None) -> Iterator[None]:
    if seconds is None:
        yield
    elif connection.dialect.name == "postgresql":
        connection.execute(_LIMIT, {"milliseconds": str(seconds * 1000)})
        yield
    else:
        driver: SQLiteConnection = connection.connection.driver_connection  # type: ignore[assignment]
        deadline = time.monotonic() + seconds
        driver.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS_BETWEEN_LOOKS)
        try:
            yield
        finally:
            driver.set_progress_handler(None, 0)


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Give a connection in a transaction that commits at the end, or rolls back on an error."""
    with engine.execution_options(writes=True).connect() as connection, connection.begin():
        yield connection
