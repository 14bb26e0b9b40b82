"""What a database's error means, by its code: SQLite's, or PostgreSQL's SQLSTATE; and how it is described.

The words of an error may hold rows and texts of the archive. So operators are told its code and name
(`cause_of`), and the words only where they are about a connection, or about SQLite's file. When an account is
examined, the statements hold nothing of it, and the words say what is wrong (`words_of`).
"""

import sqlite3
from typing import Literal

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from earwitness.kernel.errors import (
    BadRequest,
    DatabaseDamaged,
    OutOfTime,
    Problem,
    StorageFull,
    Unavailable,
)

Meaning = Literal[
    "full",  # no room is left; the change did not happen
    "locked",  # it waited too long for another transaction, or another one came first
    "too long",  # a value is longer than it can be
    "canceled",  # it took longer than it was allowed
    "damaged",  # to try again does not help
    "read-only",  # it takes no writes
    "unavailable",
    "refused",  # anything else: mostly a fault of the program
]

_OF_SQLITE: dict[int, Meaning] = {
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_BUSY: "locked",
    sqlite3.SQLITE_LOCKED: "locked",
    sqlite3.SQLITE_TOOBIG: "too long",
    sqlite3.SQLITE_INTERRUPT: "canceled",
    sqlite3.SQLITE_CORRUPT: "damaged",
    sqlite3.SQLITE_NOTADB: "damaged",
    sqlite3.SQLITE_READONLY: "read-only",
    sqlite3.SQLITE_PERM: "unavailable",
    sqlite3.SQLITE_IOERR: "unavailable",
    sqlite3.SQLITE_CANTOPEN: "unavailable",
    sqlite3.SQLITE_PROTOCOL: "unavailable",
    sqlite3.SQLITE_NOMEM: "unavailable",
    sqlite3.SQLITE_NOLFS: "unavailable",
}
_PRIMARY = 0xFF
"""The bits that an error code of SQLite has in common with its extended codes."""

# The longest key with which a SQLSTATE begins counts.
_OF_POSTGRES: dict[str, Meaning] = {
    "08": "unavailable",  # the connection failed
    "0A000": "read-only",  # the one unsupported thing that we do is to begin a write on a standby
    "25006": "read-only",
    "25P03": "unavailable",  # it was idle in its transaction
    "28": "unavailable",  # no such user, or another password
    "3D": "unavailable",  # no such database
    "40": "locked",  # a deadlock, or another came first
    "42501": "unavailable",  # no right to it
    "53": "unavailable",  # too few resources
    "53100": "full",
    "54000": "too long",
    "55": "unavailable",  # something is in use, or in no state for it
    "55P03": "locked",
    "57014": "canceled",
    "57": "unavailable",  # an operator shuts it down
    "58": "unavailable",  # its disk failed
    "F0": "unavailable",  # its configuration is wrong
    "XX": "unavailable",  # Citus says so of its nodes
    "XX001": "damaged",
    "XX002": "damaged",
}
_NOT_OF_A_SCHEMA = {"53", "55", "57", "40", "22", "23"}
"""PostgreSQL's classes of errors that say nothing about a schema: no room, a lock, a shutdown, values."""

_OF_A_FILE = {
    "SQLITE_AUTH",
    "SQLITE_CANTOPEN",
    "SQLITE_CORRUPT",
    "SQLITE_ERROR",
    "SQLITE_IOERR",
    "SQLITE_NOTADB",
    "SQLITE_PERM",
    "SQLITE_PROTOCOL",
    "SQLITE_READONLY",
    "SQLITE_SCHEMA",
}
"""SQLite's errors that say something about a file or its tables."""

_OF_THE_SERVER = ("08", "28", "3D", "57P", "F0")
_OUTAGES: tuple[Meaning, ...] = ("full", "damaged", "read-only", "unavailable")
_MOST_CHARACTERS = 300


def meaning_of(error: Exception) -> Meaning:
    """The meaning of an error that SQLAlchemy raises."""
    if isinstance(error, PoolTimeout):
        return "unavailable"
    cause = _driver_error(error)
    if (code := getattr(cause, "sqlite_errorcode", None)) is not None:
        return _OF_SQLITE.get(code & _PRIMARY, "refused")
    if state := getattr(cause, "sqlstate", None):
        found = [_OF_POSTGRES[state[:size]] for size in (5, 3, 2) if state[:size] in _OF_POSTGRES]
        return found[0] if found else "refused"
    return "unavailable" if _is_of_a_connection(error) else "refused"


def is_outage(error: Exception) -> bool:
    """Whether a database fails wholly or partly until somebody repairs it."""
    return meaning_of(error) in _OUTAGES


def is_of_the_server(error: Exception) -> bool:
    """Whether the whole PostgreSQL server failed, and not one account."""
    if not isinstance(error, DBAPIError) or error.statement is None or error.connection_invalidated:
        return True
    state = getattr(error.orig, "sqlstate", None)
    return state is None or state.startswith(_OF_THE_SERVER)


def is_full(error: DBAPIError) -> bool:
    """Whether the database has no room left; the change did not happen."""
    return meaning_of(error) == "full"


def is_locked(error: DBAPIError) -> bool:
    """Whether a change did not happen because it waited too long for another transaction."""
    return meaning_of(error) == "locked"


def as_problem(error: Exception) -> Problem:
    """The problem that a call answers when its database fails, with the cause for operators."""
    cause = cause_of(error)
    match meaning_of(error):
        case "full":
            return StorageFull("The database has no room left.", cause=cause)
        case "too long":
            return BadRequest("A text is longer than the database takes.", cause=cause)
        case "canceled":
            return out_of_time()
        case "damaged":
            return DatabaseDamaged("The database is damaged: its operator has to repair it.", cause=cause)
        case "read-only":
            detail = "The database takes no writes at the moment."
        case _:
            detail = "The database is not available at the moment."
    return Unavailable(detail, headers={"Retry-After": "5"}, cause=cause)


def out_of_time() -> OutOfTime:
    return OutOfTime("The time limit was exceeded; ask for less, for example a shorter dateTimeRange.")


def cause_of(error: Exception) -> str:
    """An error in a line, for operators: its code and its name, or the driver's words where it has no code.

    It holds no statement, no parameter, and nothing of what is in the database. The driver's words hold the
    names of hosts, users, databases and folders.
    """
    if isinstance(error, PoolTimeout):
        return "all connections are in use"
    cause = _driver_error(error)
    if name := getattr(cause, "sqlite_errorname", None):
        is_of_the_file = (getattr(cause, "sqlite_errorcode", 0) & _PRIMARY) in _OF_SQLITE
        return f"{name}: {cause}" if is_of_the_file else str(name)
    if state := getattr(cause, "sqlstate", None):
        return f"{state} {type(cause).__name__}"
    if cause is not None and _is_of_a_connection(error) and type(cause).__module__.startswith("psycopg"):
        return _words_about_a_connection(str(cause))[:_MOST_CHARACTERS]
    return type(cause or error).__name__


def _words_about_a_connection(words: str) -> str:
    """The driver's words in one line: what it says of each host, without its questions (after a tab)."""
    lines = (line.strip() for line in words.split("\n") if not line.startswith("\t"))
    said = (
        line.rpartition("connection failed: ")[2] for line in lines if not line.endswith("failures were:")
    )
    return "; ".join(dict.fromkeys(line for line in said if line))


def words_of(error: DBAPIError) -> str:
    """A database's own words about an error that `may_be_of_account`, and its code.

    Only for statements that hold nothing of a user or an archive, such as those that examine an account.
    """
    cause = error.orig
    diagnosis = getattr(cause, "diag", None)
    words = getattr(diagnosis, "message_primary", None) or str(cause).partition("\n")[0]
    code = getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorname", None)
    return f"{words} ({code})" if code else words


def may_be_of_account(error: DBAPIError) -> bool:
    """Whether one account can be the reason: else it is the database as a whole, or the values sent."""
    cause = error.orig
    if state := getattr(cause, "sqlstate", None):
        return not error.connection_invalidated and state[:2] not in _NOT_OF_A_SCHEMA
    name = getattr(cause, "sqlite_errorname", "")
    return any(name == one or name.startswith(f"{one}_") for one in _OF_A_FILE)


def _driver_error(error: Exception) -> BaseException | None:
    return error.orig if isinstance(error, DBAPIError) else None


def _is_of_a_connection(error: Exception) -> bool:
    cause = _driver_error(error)
    return cause is not None and type(error).__name__ in ("OperationalError", "InterfaceError")
