"""Engines and transactions, on SQLite and on PostgreSQL.

A read is one snapshot. A write takes its place in the queue at its beginning, so that it never has to
upgrade. See idea 7 of `docs/architecture.md`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import SQLITE_FULL
from sqlite3 import Connection as SQLiteConnection

import msgspec
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from earwitness.kernel.errors import Problem, StorageFull, Unavailable

_BUSY_MS = 30_000
_DISK_FULL = "53100"  # of PostgreSQL's error codes

# The busy timeout comes first: every other pragma may have to wait for a lock.
_PRAGMAS = (
    f"PRAGMA busy_timeout = {_BUSY_MS}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA mmap_size = 268435456",
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
        for pragma in _PRAGMAS:
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def postgres_engine(url: str) -> Engine:
    """Open a PostgreSQL database by a `postgresql://` URL, through psycopg 3."""
    return create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        pool_size=16,
        max_overflow=64,
        pool_pre_ping=True,
        json_serializer=_json,
        json_deserializer=msgspec.json.decode,
        connect_args={"options": "-c jit=off"},
    )


def is_full(error: DBAPIError) -> bool:
    """Whether a database refused a change for want of room; the change did not happen."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    return code == SQLITE_FULL or getattr(error.orig, "sqlstate", None) == _DISK_FULL


def as_problem(error: Exception) -> Problem:
    """What to say when a database could not do its part: it is locked, gone, overrun, or has no room left."""
    if isinstance(error, DBAPIError) and is_full(error):
        return StorageFull("The database has no room left.")
    return Unavailable("The database does not answer at the moment.", headers={"Retry-After": "5"})


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Give a connection in a read-only transaction that sees one moment."""
    if engine.dialect.name == "postgresql":
        engine = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with engine.connect() as connection, connection.begin():
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Give a connection in a transaction that commits at the end, or rolls back on an error."""
    with engine.execution_options(writes=True).connect() as connection, connection.begin():
        yield connection
