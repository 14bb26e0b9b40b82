"""The keys that running processes have loaded. A rotation asks for them before a new key encrypts."""

import logging
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Engine, delete, select, update
from sqlalchemy.exc import SQLAlchemyError

from earwitness.archive.database.transactions import reading, writing
from earwitness.archive.schema.directory import loaded_keys
from earwitness.kernel.clock import format_ms, now_ms
from earwitness.kernel.errors import Conflict
from earwitness.media.keys.key_ring import KeyRing

log = logging.getLogger(__name__)

_BEAT_SECONDS = 4.0
_LOOK_SECONDS = 0.5
_SILENT_MS = 30_000
"""A process that has reported nothing for this time counts as dead. One that ends reports that."""
_FORGOTTEN_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Process:
    """A running process: its machine, its keys, the key that it encrypts with, and when it last said so."""

    name: str
    host: str
    current: str
    kek_ids: frozenset[str]
    seen_at: int


def running_processes(directory: Engine) -> list[Process]:
    """The processes that have said something lately."""
    with reading(directory) as connection:
        rows = connection.execute(
            select(loaded_keys)
            .where(loaded_keys.c.seen_at > now_ms() - _SILENT_MS)
            .order_by(loaded_keys.c.host, loaded_keys.c.process)
        )
        return [
            Process(row.process, row.host, row.current_kek_id, frozenset(row.kek_ids), row.seen_at)
            for row in rows
        ]


def wait_until_all_have(directory: Engine, kek_id: str, *, as_current: bool) -> None:
    """Wait until every running process has a key and, with `as_current`, encrypts with it.

    A living process says so within some seconds, and a killed one says nothing more. Raises Conflict for the
    first that says otherwise twice: the first time it may have read its keys just before.
    """
    said: dict[str, set[int]] = {}
    while lacking := [
        one
        for one in running_processes(directory)
        if kek_id not in one.kek_ids or (as_current and one.current != kek_id)
    ]:
        for one in lacking:
            moments = said.setdefault(one.name, set())
            moments.add(one.seen_at)
            if len(moments) > 2:
                raise Conflict(_refusal(one, kek_id), code="keys-differ")
        time.sleep(_LOOK_SECONDS / 2)


def _refusal(process: Process, kek_id: str) -> str:
    did = "encrypts with another key" if kek_id in process.kek_ids else "does not have this key"
    return (
        f"Nothing was rotated to {kek_id}: a server or worker on {process.host} {did}, as it said at "
        f"{format_ms(process.seen_at)}. Give all of them the same keys, start those that read them from a "
        "setting again, and repeat the command."
    )


class Reporter:
    """Writes to the directory which keys this process has, from the time it has any until it ends."""

    def __init__(self, directory: Engine, find_ring: Callable[[], KeyRing | None]) -> None:
        self._directory = directory
        self._find_ring = find_ring
        self._ring: KeyRing | None = None
        self._name = secrets.token_hex(16)
        self._stopping = threading.Event()
        self._said: tuple[str, list[str]] | None = None
        self._beat_at = 0.0
        self._thread = threading.Thread(target=self._run, name="loaded-keys", daemon=True)

    def start(self) -> None:
        self._say_if_possible()
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(timeout=_BEAT_SECONDS)
        if self._ring is None:
            return
        try:
            with writing(self._directory) as connection:
                connection.execute(delete(loaded_keys).where(loaded_keys.c.process == self._name))
        except SQLAlchemyError as error:
            log.debug("the directory was not told that this process ends: %s", type(error).__name__)

    def _run(self) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            self._say_if_possible()

    def _say_if_possible(self) -> None:
        """Report changes at once, and the same keys again now and then."""
        is_time = time.monotonic() >= self._beat_at
        if is_time and self._ring is None:
            self._ring = self._find_ring()
        if self._ring:
            loaded = (self._ring.current, self._ring.ids)
            if is_time or loaded != self._said:
                self._note(*loaded)
        if is_time:
            self._beat_at = time.monotonic() + _BEAT_SECONDS

    def _note(self, current: str, kek_ids: list[str]) -> None:
        try:
            self._say(current, kek_ids)
        except SQLAlchemyError as error:
            log.debug("the directory was not told the keys of this process: %s", type(error).__name__)
        else:
            self._said = (current, kek_ids)

    def _say(self, current: str, kek_ids: list[str]) -> None:
        row = {
            "process": self._name,
            "host": socket.gethostname(),
            "current_kek_id": current,
            "kek_ids": kek_ids,
            "seen_at": now_ms(),
        }
        own = loaded_keys.c.process == self._name
        with writing(self._directory) as connection:
            if not connection.execute(update(loaded_keys).where(own).values(row)).rowcount:
                old = loaded_keys.c.seen_at < now_ms() - _FORGOTTEN_MS
                connection.execute(delete(loaded_keys).where(old))
                connection.execute(loaded_keys.insert().values(row))


@contextmanager
def reporting(directory: Engine, find_ring: Callable[[], KeyRing | None]) -> Iterator[None]:
    """Report while the block runs."""
    reporter = Reporter(directory, find_ring)
    reporter.start()
    try:
        yield
    finally:
        reporter.stop()
