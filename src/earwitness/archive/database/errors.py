"""What a database's error means, by its code: SQLite's own, or PostgreSQL's SQLSTATE.

Its words may hold rows and texts of the archive. So only those are ever passed on that come without a code,
which are the driver's about a connection, and SQLite's about its file.
"""

import sqlite3
from typing import Literal

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

Meaning = Literal[
    "full",  # no room is left; the change did not happen
    "locked",  # others were in the way for longer than it waits, or came first
    "too long",  # it was given more than it takes
    "canceled",  # it took longer than it was allowed
    "damaged",  # no second try mends it
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
"""The bits of a code of SQLite that are the same in all its extended ones."""

# The longest beginning of a SQLSTATE that is here counts.
_OF_POSTGRES: dict[str, Meaning] = {
    "08": "unavailable",  # of the connection
    "0A000": "read-only",  # nothing that we do is unsupported, but to begin a write on a standby
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
    "58": "unavailable",  # of its disk
    "F0": "unavailable",  # of its configuration
    "XX": "unavailable",  # Citus says so of its nodes
    "XX001": "damaged",
    "XX002": "damaged",
}
_OF_THE_SERVER = ("08", "28", "3D", "57P", "F0")
_OUTAGES: tuple[Meaning, ...] = ("full", "damaged", "read-only", "unavailable")
_MOST_CHARACTERS = 300


def meaning_of(error: Exception) -> Meaning:
    """What an error means that SQLAlchemy raises."""
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
    """Whether a database is out, or does not do all of its part, until somebody mends it."""
    return meaning_of(error) in _OUTAGES


def is_of_the_server(error: Exception) -> bool:
    """Whether no account of a PostgreSQL server could be asked."""
    if not isinstance(error, DBAPIError) or error.statement is None or error.connection_invalidated:
        return True
    state = getattr(error.orig, "sqlstate", None)
    return state is None or state.startswith(_OF_THE_SERVER)


def cause_of(error: Exception) -> str:
    """An error in a line, for operators: its code and its name, or the driver's words where it has no code.

    It has no statement, no parameter, and nothing of what is in the database. The driver's words have the
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
    """The driver's words in one line: what it says of each host, and what it asks (after a tab) of nobody."""
    lines = (line.strip() for line in words.split("\n") if not line.startswith("\t"))
    said = (
        line.rpartition("connection failed: ")[2] for line in lines if not line.endswith("failures were:")
    )
    return "; ".join(dict.fromkeys(line for line in said if line))


def _driver_error(error: Exception) -> BaseException | None:
    return error.orig if isinstance(error, DBAPIError) else None


def _is_of_a_connection(error: Exception) -> bool:
    cause = _driver_error(error)
    return cause is not None and type(error).__name__ in ("OperationalError", "InterfaceError")
