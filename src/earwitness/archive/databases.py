"""Engines and transactions, on SQLite and on PostgreSQL.

A read is one snapshot. A write takes its place in the queue at its beginning, so that it never has to
upgrade. See principle 7 of `docs/architecture.md`.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from sqlite3 import SQLITE_BUSY, SQLITE_FULL, SQLITE_INTERRUPT, SQLITE_TOOBIG
from sqlite3 import Connection as SQLiteConnection
from time import monotonic, thread_time
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Connection, Dialect, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import ExecutionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool
from sqlalchemy.util import LRUCache

from earwitness.archive.private_files import keep_database_private
from earwitness.kernel.errors import BadRequest, OutOfTime, Problem, StorageFull, Unavailable
from earwitness.kernel.extras import extra_for

if TYPE_CHECKING:
    from psycopg import Cursor

BUSY_MS = 30_000
"""How long a call waits for another writer before it is told to try again."""

_STEPS_BETWEEN_LOOKS = 50_000
_STILL_AS_GRANTED = 0.9
_NEVER = 2**62  # questions until psycopg prepares one by itself; None would forbid it to all
_DISK_FULL, _TOO_LONG, _CANCELED, _LOCKED = "53100", "54000", "57014", "55P03"  # of PostgreSQL's error codes

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


_compiled: LRUCache[Any, Any] = LRUCache(1_000)
"""The statements compiled for SQLite files. They may be many, and ask the same."""


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


@cache
def _dialect_of_sqlite() -> Dialect:
    """The dialect of all SQLite files: what is compiled for one need not be compiled for the next."""
    engine = create_engine("sqlite://", json_serializer=_json, json_deserializer=msgspec.json.decode)
    with engine.connect():  # where it learns what this SQLite can do
        dialect = engine.dialect
    engine.dispose()
    return dialect


def sqlite_engine(file: Path) -> Engine:
    """Open a SQLite file, which is made if there is none."""
    keep_database_private(file)
    dialect, url = _dialect_of_sqlite(), make_url("sqlite://").set(database=str(file))
    given, named = dialect.create_connect_args(url)
    pool = QueuePool(lambda: dialect.connect(*given, **named), pool_size=16, max_overflow=64, dialect=dialect)
    engine = Engine(pool, dialect, url, execution_options={"compiled_cache": _compiled})

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

    event.listen(engine, "before_cursor_execute", _look_at_the_time)
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

    event.listen(engine, "before_cursor_execute", _look_at_the_time)
    return engine


def is_full(error: DBAPIError) -> bool:
    """Whether a database refused a change for want of room; the change did not happen."""
    return _says(error, SQLITE_FULL, _DISK_FULL)


def is_locked(error: DBAPIError) -> bool:
    """Whether a change did not happen because others were in its way for longer than it waits."""
    return _says(error, SQLITE_BUSY, _LOCKED)


def _says(error: Exception, of_sqlite: int, of_postgres: str) -> bool:
    cause = error.orig if isinstance(error, DBAPIError) else None
    code, state = getattr(cause, "sqlite_errorcode", None), getattr(cause, "sqlstate", None)
    return code == of_sqlite or state == of_postgres


def _is_too_long(error: Exception) -> bool:
    return _says(error, SQLITE_TOOBIG, _TOO_LONG)


def as_problem(error: Exception) -> Problem:
    """What to say when a database could not do its part: it is locked, gone, overrun, or has no room left.

    Or what it was to keep is longer than it takes, which no second try mends.
    """
    if isinstance(error, DBAPIError) and is_full(error):
        return StorageFull("The database has no room left.")
    if _is_too_long(error):
        return BadRequest("A text is longer than the database takes.")
    if _says(error, SQLITE_INTERRUPT, _CANCELED):
        return _out_of_time()
    return Unavailable("The database is not available at the moment.", headers={"Retry-After": "5"})


def _out_of_time() -> OutOfTime:
    return OutOfTime("The time limit was exceeded; ask for less, for example a shorter dateTimeRange.")


@dataclass(frozen=True, slots=True)
class Allowance:
    """How long a reading may take: seconds by the clock, and seconds of a processor.

    PostgreSQL does not tell what it takes of a processor; there both are by the clock.
    """

    seconds: float
    processor_seconds: float = math.inf


@contextmanager
def reading(engine: Engine, allowed: Allowance | None = None) -> Iterator[Connection]:
    """Give a connection in a read-only transaction that sees one moment.

    What takes longer than is allowed raises OutOfTime; the connection goes on.
    """
    if engine.dialect.name == "postgresql":
        engine = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with engine.connect() as connection, connection.begin(), _limited(connection, allowed):
        yield connection


@dataclass(slots=True)
class _Limit:
    """When a reading has to end: at a moment of the monotonic clock, or of the thread's own."""

    until: float
    thread_until: float = math.inf
    granted: float = math.inf
    """The seconds that PostgreSQL was told: it counts them for each statement anew."""

    @property
    def is_over(self) -> bool:
        return monotonic() > self.until or thread_time() > self.thread_until


@contextmanager
def _limited(connection: Connection, allowed: Allowance | None) -> Iterator[None]:
    if allowed is None:
        yield
        return
    info: dict[Any, Any] = connection.info
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        limit = _Limit(monotonic() + allowed.seconds, thread_time() + allowed.processor_seconds)
        driver.set_progress_handler(lambda: limit.is_over, _STEPS_BETWEEN_LOOKS)
    else:
        limit = _Limit(monotonic() + min(allowed.seconds, allowed.processor_seconds))
    info[_Limit] = limit
    try:
        yield
    except DBAPIError as error:
        if isinstance(problem := as_problem(error), OutOfTime):
            raise problem from None
        raise
    finally:
        del info[_Limit]
        if connection.dialect.name == "sqlite":
            driver.set_progress_handler(None, 0)


def check_time(connection: Connection) -> None:
    """Raise OutOfTime once a reading has taken as long as it may: for long work outside the database."""
    limit = connection.info.get(_Limit)
    if limit is not None and limit.is_over:
        raise _out_of_time()


def _look_at_the_time(connection: Connection, cursor: Any, *_: object) -> None:
    limit = connection.info.get(_Limit)
    if limit is None:
        return
    check_time(connection)
    left = limit.until - monotonic()
    if connection.dialect.name == "postgresql" and left < limit.granted * _STILL_AS_GRANTED:
        limit.granted = left
        told = str(max(1, round(left * 1000)))
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [told], prepare=True)


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Give a connection in a transaction that commits at the end, or rolls back on an error.

    Raises BadRequest for what is longer than the database takes: whoever writes would otherwise try again.
    """
    try:
        with engine.execution_options(writes=True).connect() as connection, connection.begin():
            yield connection
    except DBAPIError as error:
        if _is_too_long(error):
            raise as_problem(error) from None
        raise
