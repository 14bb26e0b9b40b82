"""Engines of SQLite files and of PostgreSQL databases, and the settings of each new connection.

Transactions are in `transactions.py`, and how long they may take is in `time_limits.py`.
"""

from functools import cache
from pathlib import Path
from sqlite3 import Connection as SQLiteConnection
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Connection, Dialect, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import ExceptionContext, ExecutionContext
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool
from sqlalchemy.util import LRUCache

from earwitness.archive.database.errors import meaning_of
from earwitness.archive.database.postgresql import parameters_of
from earwitness.archive.database.private_files import keep_database_private
from earwitness.archive.database.replication import listen_for_local_commits
from earwitness.archive.database.time_limits import LEAST_SECONDS_OF_A_WRITE, keep_time
from earwitness.kernel import deadlines
from earwitness.kernel.extras import extra_for

if TYPE_CHECKING:
    from psycopg import Cursor

BUSY_MS = 25_000
"""How long a call waits for another writer before it is told to try again."""

CONNECTIONS_KEPT, MORE_CONNECTIONS = 16, 64
WAIT_FOR_A_CONNECTION_SECONDS = 10

_NEVER = 2**62
"""After this many uses psycopg prepares a statement by itself. None would forbid it for all statements."""

KEEPS_ITS_PLAN = {"keeps_its_plan": True}
"""Execution options of a statement that PostgreSQL plans once for each connection: planning takes longest.

A plan that serves any word serves common words badly, so all other statements are planned each time.
"""

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",
    "PRAGMA temp_store = MEMORY",
    # With a memory map, a page that cannot be read (a bad disk, a file that was cut off) ends the process,
    # and so takes down every account. Searches are as fast without.
    "PRAGMA mmap_size = 0",
    "PRAGMA cache_size = -16384",  # in KiB
)


_PRAGMAS_SET = "earwitness_pragmas"

_compiled: LRUCache[Any, Any] = LRUCache(1_000)
"""Compiled statements, shared by all SQLite files: there may be many files, and they run the same ones."""


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


@cache
def _dialect_of_sqlite() -> Dialect:
    """The dialect that all SQLite files share, so that a statement is compiled once for all of them."""
    engine = create_engine("sqlite://", json_serializer=_json, json_deserializer=msgspec.json.decode)
    with engine.connect():  # here the dialect learns what this SQLite can do
        dialect = engine.dialect
    engine.dispose()
    return dialect


def sqlite_engine(file: Path) -> Engine:
    """Open a SQLite file, which is made if there is none."""
    keep_database_private(file)
    dialect, url = _dialect_of_sqlite(), make_url("sqlite://").set(database=str(file))
    arguments, keywords = dialect.create_connect_args(url)
    pool = QueuePool(
        lambda: dialect.connect(*arguments, **keywords),
        pool_size=CONNECTIONS_KEPT,
        max_overflow=MORE_CONNECTIONS,
        timeout=WAIT_FOR_A_CONNECTION_SECONDS,
        dialect=dialect,
    )
    options = {"compiled_cache": _compiled}
    engine = Engine(pool, dialect, url, hide_parameters=True, execution_options=options)

    @event.listens_for(engine, "connect")
    def prepare(connection: SQLiteConnection, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # the listener below begins transactions, not the driver
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")  # first: all others may have to wait
        for pragma in _PRAGMAS:
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if not connection.get_execution_options().get("writes", False):
            connection.exec_driver_sql("BEGIN")
            return
        waits_ms = min(BUSY_MS, max(deadlines.seconds_left(), LEAST_SECONDS_OF_A_WRITE) * 1000)
        _set(connection, "busy_timeout", f"{waits_ms:.0f}", at_first=str(BUSY_MS))
        is_durable = connection.get_execution_options().get("is_durable", True)
        _set(connection, "synchronous", "FULL" if is_durable else "NORMAL", at_first="FULL")
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    event.listen(engine, "before_cursor_execute", keep_time)
    return engine


def _set(connection: Connection, pragma: str, value: str, *, at_first: str) -> None:
    """Set a pragma of a connection to SQLite, unless it has this value already."""
    known = connection.info.setdefault(_PRAGMAS_SET, {})
    if known.get(pragma, at_first) != value:
        connection.exec_driver_sql(f"PRAGMA {pragma} = {value}")
        known[pragma] = value


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
        """Connect again where a write is refused: after a failover, this server may be a standby."""
        writes = context.connection and context.connection.get_execution_options().get("writes", False)
        error = context.sqlalchemy_exception
        if writes and error is not None and meaning_of(error) == "read-only":
            context.is_disconnect = True

    event.listen(engine, "before_cursor_execute", keep_time)
    listen_for_local_commits(engine)
    return engine
