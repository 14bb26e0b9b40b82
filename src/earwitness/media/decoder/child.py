"""Decoding processes. Each is started before its job is known, does one job, and is ended."""

import atexit
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import msgspec

from earwitness.kernel.system.processes import cause_of_death, start_apart
from earwitness.media.decoding.wire import JOB, OUTPUT, Channel, Closed, DecodingJob
from earwitness.media.flow import Bytes

_COMMAND = (sys.executable, "-P", "-m", "earwitness.media.decoding")
# Each arena of the C library's allocator takes address space, which is limited.
_FEW_ARENAS = {"MALLOC_ARENA_MAX": "2"}


class ChildLost(Exception):
    """A decoding process died, sent something unexpected, or took too long."""


class ChildSlow(ChildLost):
    """A decoding process took too long until its first output."""


class Child:
    """One decoding process. Only the time that callers wait for it counts against its limit."""

    def __init__(self) -> None:
        try:
            self._process, self._end = start_apart(_COMMAND, _FEW_ARENAS)
        except OSError as error:
            raise ChildLost("no process could be started") from error
        self._channel = Channel(self._end)
        self._seconds = 0.0
        self._seconds_later = 0.0

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def begin(self, job: DecodingJob, first_output_seconds: float | None = None) -> None:
        """Give it a job. `first_output_seconds` limits the time until its first output."""
        most = float(job.limits.seconds)
        self._seconds = min(first_output_seconds or most, most)
        self._seconds_later = most - self._seconds
        self.send(JOB, msgspec.json.encode(job))

    def send(self, kind: bytes, payload: Bytes) -> None:
        with self._on_time():
            self._channel.send(kind, payload)

    def receive(self) -> tuple[bytes, bytes]:
        with self._on_time():
            kind, payload = self._channel.receive()
        if kind == OUTPUT:
            self._seconds, self._seconds_later = self._seconds + self._seconds_later, 0.0
        return kind, payload

    def end(self) -> None:
        """Kill and reap it."""
        self._end.close()
        self._process.kill()
        self._process.wait()

    def forget(self) -> None:
        """Close the socket of a decoding process that belongs to the process that forked this one."""
        self._end.close()
        self._process.returncode = 0

    @contextmanager
    def _on_time(self) -> Iterator[None]:
        begun = time.monotonic()
        self._end.settimeout(max(self._seconds, 0.001))
        try:
            yield
        except TimeoutError:
            raise (ChildSlow if self._seconds_later else ChildLost)("it took too long") from None
        except Closed:
            raise ChildLost(cause_of_death(self._process)) from None
        finally:
            self._seconds -= time.monotonic() - begun


_lock = threading.Lock()
_spare: list[Child] = []


@contextmanager
def ready_child() -> Iterator[Child]:
    """A decoding process that waits for its job. It is ended when the block is left. Raises ChildLost."""
    child = _take_spare() or Child()
    try:
        yield child
    finally:
        child.end()


def keep_one_ready() -> None:
    """Start the process for the next job, unless one is ready: starting takes a tenth of a second."""
    with _lock, suppress(ChildLost):
        if not _spare:
            _spare.append(Child())


def _take_spare() -> Child | None:
    with _lock:
        child = _spare.pop() if _spare else None
    if child is not None and not child.is_alive:
        child.end()
        return None
    return child


@atexit.register
def end_spare() -> None:
    """End the process that waits for a job, if there is one."""
    while _spare:
        _spare.pop().end()


def _forget_spare() -> None:
    global _lock
    _lock = threading.Lock()
    while _spare:
        _spare.pop().forget()


os.register_at_fork(after_in_child=_forget_spare)
