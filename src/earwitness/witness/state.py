"""The state of a witness: the logs that it lists, and the latest checkpoint of each that it cosigned.

It is one file of SQLite. Whoever cosigns reads and writes in one transaction while all others wait. What is
committed is on the disk.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from earwitness.archive.ledger.notes.keys import Kind, VerifierKey
from earwitness.archive.ledger.tree.hashing import EMPTY_ROOT

_VERSION = 1
_TABLES = """
CREATE TABLE log_keys (
    verifier_key TEXT NOT NULL PRIMARY KEY,
    origin TEXT NOT NULL
) STRICT;
CREATE TABLE checkpoints (
    origin TEXT NOT NULL PRIMARY KEY,
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    note BLOB NOT NULL,
    cosigned_at INTEGER NOT NULL
) STRICT;
CREATE TABLE forks (
    origin TEXT NOT NULL,
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    note BLOB NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (origin, size, root)
) STRICT;
PRAGMA user_version = 1;
"""
_MOST_FORKS = 100
"""How many forks of a log are kept. One is enough to convict it."""

_WAIT_SECONDS = 10.0


class StateUnusable(Exception):
    """The file is missing, or not that of a witness of this version."""


@dataclass(frozen=True, slots=True)
class Latest:
    """The latest checkpoint of a log that was cosigned. `note` has the log's signature and the witness's.

    A log that the witness never cosigned begins as an empty tree.
    """

    size: int = 0
    root: bytes = EMPTY_ROOT
    note: bytes = b""
    cosigned_at: int = 0


@dataclass(frozen=True, slots=True)
class Fork:
    """A checkpoint that a log signed although the witness had cosigned another root of that size."""

    origin: str
    size: int
    root: bytes
    note: bytes
    seen_at: int


class State:
    def __init__(self, path: Path) -> None:
        """Open the state. Raises StateUnusable."""
        self._path = path
        if not path.exists():
            raise StateUnusable(f"{path} is missing")
        try:
            with self._reading() as connection:
                version = connection.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.DatabaseError as error:
            raise StateUnusable(f"{path} cannot be read: {error}") from None
        if version != _VERSION:
            raise StateUnusable(f"{path} is not the state of a witness of this version")

    @classmethod
    def create(cls, path: Path) -> None:
        """Make a state without logs, readable only by its owner. One that is there is left as it is."""
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        with closing(_connect(path)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
                for statement in _TABLES.split(";"):
                    connection.execute(statement)
            connection.execute("COMMIT")

    def keys(self, origin: str) -> list[VerifierKey]:
        """The keys that a log is trusted to sign with; none for a log that is not listed."""
        with self._reading() as connection:
            rows = connection.execute("SELECT verifier_key FROM log_keys WHERE origin = ?", (origin,))
            return [VerifierKey.read(text, Kind.LOG) for (text,) in rows]

    def all_keys(self) -> list[VerifierKey]:
        with self._reading() as connection:
            rows = connection.execute("SELECT verifier_key FROM log_keys ORDER BY verifier_key")
            return [VerifierKey.read(text, Kind.LOG) for (text,) in rows]

    def add_key(self, key: VerifierKey) -> bool:
        """List a log, by its name, or one more key of it. Returns whether it was not listed before."""
        with self._writing() as connection:
            statement = "INSERT INTO log_keys (verifier_key, origin) VALUES (?, ?) ON CONFLICT DO NOTHING"
            return connection.execute(statement, (key.text, key.name)).rowcount > 0

    def remove_key(self, key: VerifierKey) -> bool:
        """Take a key off the list. What was cosigned stays known, so that the log cannot start again."""
        with self._writing() as connection:
            statement = "DELETE FROM log_keys WHERE verifier_key = ?"
            return connection.execute(statement, (key.text,)).rowcount > 0

    def latest(self, origin: str) -> Latest:
        with self._reading() as connection:
            return _latest(connection, origin)

    def origins(self) -> list[str]:
        """The logs that are listed, and those that were once cosigned."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT origin FROM log_keys UNION SELECT origin FROM checkpoints ORDER BY 1"
            )
            return [origin for (origin,) in rows]

    @contextmanager
    def changing(self, origin: str) -> Iterator["Changing"]:
        """Look at the latest checkpoint and replace it, alone. An error in the block leaves all as it was."""
        with self._writing() as connection:
            yield Changing(connection, origin, _latest(connection, origin))

    def add_fork(self, fork: Fork) -> None:
        with self._writing() as connection:
            count = connection.execute(
                "SELECT count(*) FROM forks WHERE origin = ?", (fork.origin,)
            ).fetchone()[0]
            if count < _MOST_FORKS:
                connection.execute(
                    "INSERT INTO forks (origin, size, root, note, seen_at) VALUES (?, ?, ?, ?, ?) "
                    "ON CONFLICT DO NOTHING",
                    (fork.origin, fork.size, fork.root, fork.note, fork.seen_at),
                )

    def forks(self) -> list[Fork]:
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT origin, size, root, note, seen_at FROM forks ORDER BY seen_at, origin"
            )
            return [Fork(*row) for row in rows]

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with closing(_connect(self._path)) as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with closing(_connect(self._path)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")


@dataclass(frozen=True, slots=True)
class Changing:
    """A transaction on the latest checkpoint of one log."""

    connection: sqlite3.Connection
    origin: str
    latest: Latest

    def replace(self, new: Latest) -> None:
        self.connection.execute(
            "INSERT OR REPLACE INTO checkpoints (origin, size, root, note, cosigned_at) "
            "VALUES (?, ?, ?, ?, ?)",
            (self.origin, new.size, new.root, new.note, new.cosigned_at),
        )


def _connect(path: Path) -> sqlite3.Connection:
    # Not `rwc`: a file that is gone must not become an empty state.
    uri = f"{path.absolute().as_uri()}?mode=rw"
    connection = sqlite3.connect(uri, uri=True, timeout=_WAIT_SECONDS, isolation_level=None)
    connection.execute(
        "PRAGMA synchronous = EXTRA"
    )  # the folder is synced, too: a commit outlives a power cut
    return connection


def _latest(connection: sqlite3.Connection, origin: str) -> Latest:
    row = connection.execute(
        "SELECT size, root, note, cosigned_at FROM checkpoints WHERE origin = ?", (origin,)
    ).fetchone()
    return Latest(*row) if row else Latest()
