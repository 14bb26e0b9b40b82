"""The engines of accounts. SQLite files are closed when others are needed; schemas share one engine.

An engine is lent to its users, and is not closed while it is lent.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from errno import EACCES, EROFS
from pathlib import Path
from typing import Protocol

from sqlalchemy import Engine

from earwitness.archive.accounts.opening.unfit import unusable
from earwitness.archive.database.engines import sqlite_engine
from earwitness.archive.database.private_files import keep_folder_private


class Engines(Protocol):
    """What lends the engine of an account."""

    def schema(self, client_id: int) -> str | None:
        """The schema of an account; None where it is a file."""

    def lent(self, client_id: int, *, keep: bool = True, new: bool = False) -> AbstractContextManager[Engine]:
        """Lend an engine. Without `keep` it is closed afterwards, unless others use it. Raises Unfit.

        With `new` the database may not be there yet.
        """

    def forget(self, client_id: int) -> None:
        """Close the engine of an account as soon as nobody uses it. The next loan opens it anew."""

    def close(self) -> None:
        """Close all."""


@dataclass(slots=True)
class _Opened:
    """An open engine, the identity of its file, and how many use it."""

    engine: Engine
    identity: tuple[int, int]
    users: int = 0
    is_kept: bool = False


class Files:
    """The engines of accounts that are SQLite files. At most `most` stay open, unless more are in use."""

    def __init__(self, folder: Path, most: int) -> None:
        self._folder = folder
        self._most = most
        self._lock = threading.Lock()
        self._opened: OrderedDict[int, _Opened] = OrderedDict()  # the one that was used last is last

    def schema(self, _client_id: int) -> None:
        return None

    @contextmanager
    def lent(self, client_id: int, *, keep: bool = True, new: bool = False) -> Iterator[Engine]:
        opened = self._take(client_id, keep=keep, new=new)
        try:
            yield opened.engine
        finally:
            self._give_back(client_id, opened)

    def forget(self, client_id: int) -> None:
        with self._lock:
            opened = self._opened.pop(client_id, None)
        if opened and not opened.users:
            opened.engine.dispose()

    def close(self) -> None:
        for client_id in list(self._opened):
            self.forget(client_id)

    def _take(self, client_id: int, *, keep: bool, new: bool) -> _Opened:
        file = self._folder / str(client_id) / "archive.db"
        if new:
            keep_folder_private(file.parent)
            file.touch(mode=0o600)
        identity = _identity_of(file)
        with self._lock:
            opened = before = self._opened.get(client_id)
            if opened is None or opened.identity != identity:  # the file was restored or replaced
                opened = self._opened[client_id] = _Opened(_open(file), identity)
            self._opened.move_to_end(client_id)
            opened.users += 1
            opened.is_kept |= keep
        if before and before is not opened and not before.users:
            before.engine.dispose()
        return opened

    def _give_back(self, client_id: int, opened: _Opened) -> None:
        with self._lock:
            opened.users -= 1
            is_current = self._opened.get(client_id) is opened
            closing = []
            if not opened.users and not (is_current and opened.is_kept):
                closing.append(opened)
                if is_current:
                    del self._opened[client_id]
            closing += self._surplus()
        for one in closing:
            one.engine.dispose()

    def _surplus(self) -> list[_Opened]:
        """Take out engines that nobody uses, longest unused first, until no more than `most` are open."""
        surplus = max(0, len(self._opened) - self._most)
        idle = [client_id for client_id, one in self._opened.items() if not one.users] if surplus else []
        return [self._opened.pop(client_id) for client_id in idle[:surplus]]


class Schemas:
    """The engines of accounts that are schemas of one PostgreSQL database, with one pool for all."""

    def __init__(self, postgres: Engine) -> None:
        self._postgres = postgres
        self._of_schemas: dict[str, Engine] = {}

    def schema(self, client_id: int) -> str:
        return f"account_{client_id}"

    @contextmanager
    def lent(self, client_id: int, *, keep: bool = True, new: bool = False) -> Iterator[Engine]:
        schema = self.schema(client_id)
        engine = self._of_schemas.get(schema)
        if engine is None:
            mapped = self._postgres.execution_options(schema_translate_map={None: schema})
            engine = self._of_schemas.setdefault(schema, mapped)
        yield engine

    def forget(self, client_id: int) -> None:
        """Nothing is kept for one schema."""

    def close(self) -> None:
        """The pool is the directory's."""


def _identity_of(file: Path) -> tuple[int, int]:
    """The device and inode of a file: a replaced file has others. Raises Unfit."""
    try:
        found = file.stat()
    except FileNotFoundError:
        raise unusable("its archive.db is missing") from None
    except OSError as error:
        raise unusable(f"its archive.db: {error.strerror}") from None
    return found.st_dev, found.st_ino


def _open(file: Path) -> Engine:
    if not os.access(file, os.R_OK | os.W_OK):  # SQLite would only say that it cannot be opened
        is_read_only = os.statvfs(file).f_flag & os.ST_RDONLY
        raise unusable(f"its archive.db: {os.strerror(EROFS if is_read_only else EACCES)}")
    keep_folder_private(file.parent)
    return sqlite_engine(file)
