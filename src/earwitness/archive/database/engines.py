"""Engines and transactions, on SQLite and on PostgreSQL.

A read is one snapshot. A write takes its place in the queue at its beginning, so that it never has to
upgrade. See principle 7 of `docs/architecture.md`.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from sqlite3 import Connection as SQLiteConnection
from time import monotonic, thread_time
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Connection, Dialect, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import ExceptionContext, ExecutionContext
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool
from sqlalchemy.util import LRUCache

from earwitness.archive.database.errors import cause_of, is_of_the_server, is_outage, meaning_of
from earwitness.archive.database.postgresql import parameters_of
from earwitness.archive.database.private_files import keep_database_private
from earwitness.archive.database.replication import check_committed, listen_for_local_commits
from earwitness.kernel import deadlines
from earwitness.kernel.errors import (
    BadRequest,
    DatabaseDamaged,
    OutOfTime,
    Problem,
    StorageFull,
    Unavailable,
)
from earwitness.kernel.extras import extra_for
from earwitness.kernel.outages import outages

if TYPE_CHECKING:
    from psycopg import Cursor

BUSY_MS = 25_000
"""How long a call waits for another writer before it is told to try again."""

IDLE_MS = 10_000
"""How long PostgreSQL lets a write wait for its next statement: then whoever held it is taken for dead.

Others wait for it, and what stands still without its connection breaking is noticed by nothing else.
"""

_LAST_WORDS_SECONDS = 2
"""A write has at least so long: the ledger is told of a refusal also when the time of a call is over."""

CONNECTIONS_KEPT, MORE_CONNECTIONS = 16, 64
WAIT_FOR_A_CONNECTION_SECONDS = 10

_STEPS_BETWEEN_LOOKS = 50_000
_STILL_AS_GRANTED = 0.9
_NEVER = 2**62  # questions until psycopg prepares one by itself; None would forbid it to all
_TOLD = (
    "SELECT set_config('statement_timeout', %s, true),"
    " set_config('idle_in_transaction_session_timeout', %s, true)"
)

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
    # A page that cannot be read, of a bad disk or a file that was cut off, would end the process, and so be
    # the trouble of every account. Searches are as fast without.
    "PRAGMA mmap_size = 0",
    "PRAGMA cache_size = -16384",  # in KiB
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
    pool = QueuePool(
        lambda: dialect.connect(*given, **named),
        pool_size=CONNECTIONS_KEPT,
        max_overflow=MORE_CONNECTIONS,
        timeout=WAIT_FOR_A_CONNECTION_SECONDS,
        dialect=dialect,
    )
    options = {"compiled_cache": _compiled}
    engine = Engine(pool, dialect, url, hide_parameters=True, execution_options=options)

    @event.listens_for(engine, "connect")
    def prepare(connection: SQLiteConnection, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")  # first: all others may have to wait
        for pragma in _PRAGMAS:
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if not connection.get_execution_options().get("writes", False):
            connection.exec_driver_sql("BEGIN")
            return
        waits_ms = min(BUSY_MS, max(deadlines.seconds_left(), _LAST_WORDS_SECONDS) * 1000)
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {waits_ms:.0f}")
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    event.listen(engine, "before_cursor_execute", _look_at_the_time)
    return engine


def postgres_engine(url: str) -> Engine:
    """Open a PostgreSQL database by a `postgresql://` URL, through psycopg 3. Raises SettingError."""
    with extra_for("EARWITNESS_DATABASE_URL", extra="postgres", brings="psycopg"):
        parameters = parameters_of(url, lock_timeout=BUSY_MS)
        engine = create_engine(
            "postgresql+psycopg://",
            pool_size=CONNECTIONS_KEPT,
            max_overflow=MORE_CONNECTIONS,
            pool_timeout=WAIT_FOR_A_CONNECTION_SECONDS,
            pool_pre_ping=True,
            json_serializer=_json,
            json_deserializer=msgspec.json.decode,
            hide_parameters=True,
            connect_args=parameters | {"prepare_threshold": _NEVER},
        )

    @event.listens_for(engine, "do_execute")
    def execute(cursor: "Cursor[Any]", statement: Any, parameters: Any, context: ExecutionContext) -> bool:
        keeps_its_plan: bool = context.execution_options.get("keeps_its_plan", False)
        if keeps_its_plan:
            cursor.execute(statement, parameters, prepare=True)
        return keeps_its_plan

    @event.listens_for(engine, "handle_error")
    def leave_a_standby(context: ExceptionContext) -> None:
        """Connect anew where writes are refused: the server may be a primary no more."""
        writes = context.connection and context.connection.get_execution_options().get("writes", False)
        error = context.sqlalchemy_exception
        if writes and error is not None and meaning_of(error) == "read-only":
            context.is_disconnect = True

    event.listen(engine, "before_cursor_execute", _look_at_the_time)
    listen_for_local_commits(engine)
    return engine


def is_full(error: DBAPIError) -> bool:
    """Whether a database refused a change for want of room; the change did not happen."""
    return meaning_of(error) == "full"


def is_locked(error: DBAPIError) -> bool:
    """Whether a change did not happen because others were in its way for longer than it waits."""
    return meaning_of(error) == "locked"


def as_problem(error: Exception) -> Problem:
    """What to say when a database could not do its part, with the cause for operators.

    It is locked, gone, overrun, or has no room left. Or no second try mends it: it is damaged, or what it
    was to keep is longer than it takes.
    """
    cause = cause_of(error)
    match meaning_of(error):
        case "full":
            return StorageFull("The database has no room left.", cause=cause)
        case "too long":
            return BadRequest("A text is longer than the database takes.", cause=cause)
        case "canceled":
            return _out_of_time()
        case "damaged":
            return DatabaseDamaged("The database is damaged: its operator has to mend it.", cause=cause)
        case "read-only":
            detail = "The database takes no writes at the moment."
        case _:
            detail = "The database is not available at the moment."
    return Unavailable(detail, headers={"Retry-After": "5"}, cause=cause)


def _out_of_time() -> OutOfTime:
    return OutOfTime("The time limit was exceeded; ask for less, for example a shorter dateTimeRange.")


def _not_written() -> OutOfTime:
    return OutOfTime(
        "The time limit was exceeded, and nothing was changed; change less at once, or do it by the "
        "command line, where there is no limit.",
        headers={"Retry-After": "5"},
    )


@contextmanager
def _watched(engine: Engine) -> Iterator[None]:
    """Tell of an outage what a transaction saw of it."""
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
    """What is out when nothing of the server or the file can be asked, and when this account cannot."""
    if engine.dialect.name == "sqlite":
        file = Path(engine.url.database or "")
        name = f"database of account {file.parent.name}" if file.name == "archive.db" else "database"
        return name, name
    schemas = engine.get_execution_options().get("schema_translate_map") or {}
    schema = schemas.get(None)
    return "database", f"database of account {schema.removeprefix('account_')}" if schema else "database"


def _key(engine: Engine, what: str) -> str:
    return f"{what}, {engine.url if engine.dialect.name == 'sqlite' else id(engine.pool)}"


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
    with (
        _watched(engine),
        engine.connect() as connection,
        connection.begin(),
        _limited(connection, _Limit.of(connection, allowed) if allowed else None),
    ):
        yield connection


@dataclass(slots=True)
class _Limit:
    """When a transaction has to end: at a moment of the monotonic clock, or of the thread's own."""

    until: float
    thread_until: float = math.inf
    idle_ms: int = 0
    """How long PostgreSQL is to wait for its next statement; 0 is for ever."""
    problem: Callable[[], OutOfTime] = _out_of_time
    granted: float | None = None
    """The seconds that PostgreSQL was told, which it counts for each statement anew."""

    @classmethod
    def of(cls, connection: Connection, allowed: Allowance) -> "_Limit":
        if connection.dialect.name == "sqlite":
            return cls(monotonic() + allowed.seconds, thread_time() + allowed.processor_seconds)
        return cls(monotonic() + min(allowed.seconds, allowed.processor_seconds))

    @property
    def is_over(self) -> bool:
        return monotonic() > self.until or thread_time() > self.thread_until


@contextmanager
def _limited(connection: Connection, limit: _Limit | None) -> Iterator[None]:
    if limit is None:
        yield
        return
    info: dict[Any, Any] = connection.info
    driver: Any = connection.connection.driver_connection
    has_end = limit.until < math.inf
    looks_itself = connection.dialect.name == "sqlite" and has_end
    if looks_itself:
        driver.set_progress_handler(lambda: limit.is_over, _STEPS_BETWEEN_LOOKS)
    info[_Limit] = limit
    try:
        yield
    except DBAPIError as error:
        if has_end and meaning_of(error) == "canceled":
            raise limit.problem() from None
        raise
    finally:
        del info[_Limit]
        if looks_itself:
            driver.set_progress_handler(None, 0)


def check_time(connection: Connection) -> None:
    """Raise OutOfTime once a call has taken as long as it may: for long work outside the database."""
    limit = connection.info.get(_Limit)
    if limit is not None and limit.is_over:
        raise limit.problem()


def _look_at_the_time(connection: Connection, cursor: Any, *_: object) -> None:
    limit = connection.info.get(_Limit)
    if limit is None:
        return
    check_time(connection)
    if connection.dialect.name != "postgresql":
        return
    left = limit.until - monotonic()
    if limit.granted is None or left < limit.granted * _STILL_AS_GRANTED:
        limit.granted = left
        told = "0" if left == math.inf else str(max(1, round(left * 1000)))
        try:
            cursor.execute(_TOLD, [told, str(limit.idle_ms)], prepare=True)
        except Exception as error:  # SQLAlchemy does not look at what is asked here
            connection.invalidate(error)
            raise OperationalError(_TOLD, None, error, connection_invalidated=True) from None


@contextmanager
def writing(engine: Engine, *, patient: bool = False) -> Iterator[Connection]:
    """Give a connection in a transaction that commits at the end, or rolls back on an error.

    It may take as long as the call is allowed for which it is done (OutOfTime), without end where it is done
    for none; and PostgreSQL gives it up that waits for its next statement for longer than `IDLE_MS`, unless
    it is `patient`: for what is done rarely and takes long outside the database.
    Raises BadRequest for what is longer than the database takes: whoever writes would otherwise try again.
    """
    seconds = max(deadlines.seconds_left(), _LAST_WORDS_SECONDS)
    limit = _Limit(monotonic() + seconds, problem=_not_written)
    limit.idle_ms = 0 if patient else IDLE_MS
    try:
        with _watched(engine), engine.execution_options(writes=True).connect() as connection:
            with connection.begin(), _limited(connection, limit):
                yield connection
            check_committed(connection)
    except DBAPIError as error:
        if meaning_of(error) == "too long":
            raise as_problem(error) from None
        raise
