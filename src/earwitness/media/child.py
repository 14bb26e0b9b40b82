"""Decoding processes: each is started ahead, does one job, and is ended."""

import atexit
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import msgspec

from earwitness.media.decoding.wire import JOB, Channel, Closed, Job
from earwitness.media.flow import Bytes

_COMMAND = (sys.executable, "-P", "-m", "earwitness.media.decoding")
# What a Python needs to start; all else, secrets first, stays here.
_ENVIRONMENT = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "LANG", "TZ")
# Every arena of the allocator takes address space, which is limited.
_FEW_ARENAS = {"MALLOC_ARENA_MAX": "2"}


class ChildLost(Exception):
    """A decoding process died, talks nonsense, or took longer than it may."""


class Child:
    """One decoding process. Only the time it is waited for counts against its limit."""

    def __init__(self) -> None:
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = subprocess.Popen(  # noqa: S603 - nothing of it comes from outside
                    _COMMAND,
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env=environment | _FEW_ARENAS,
                    start_new_session=True,
                )
            except OSError as error:
                ours.close()
                raise ChildLost("no process could be started") from error
        self._end = ours
        self._channel = Channel(ours)
        self._seconds = 0.0

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def begin(self, job: Job) -> None:
        self._seconds = float(job.limits.seconds)
        self.send(JOB, msgspec.json.encode(job))

    def send(self, kind: bytes, payload: Bytes) -> None:
        with self._on_time():
            self._channel.send(kind, payload)

    def receive(self) -> tuple[bytes, bytes]:
        with self._on_time():
            return self._channel.receive()

    def end(self) -> None:
        """Kill and reap it."""
        self._end.close()
        self._process.kill()
        self._process.wait()

    def forget(self) -> None:
        """Let go of a process that belongs to the one this was forked from."""
        self._end.close()
        self._process.returncode = 0

    @contextmanager
    def _on_time(self) -> Iterator[None]:
        begun = time.monotonic()
        self._end.settimeout(max(self._seconds, 0.001))
        try:
            yield
        except TimeoutError:
            raise ChildLost("it took too long") from None
        except Closed:
            raise ChildLost(self._cause_of_death()) from None
        finally:
            self._seconds -= time.monotonic() - begun

    def _cause_of_death(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            code = self._process.wait(timeout=1)
            if code == -signal.SIGXCPU:
                return "it took too long"
            if code < 0:
                return f"it was ended by {signal.Signals(-code).name}"
        return "it stopped"


_lock = threading.Lock()
_spare: list[Child] = []


@contextmanager
def ready_child() -> Iterator[Child]:
    """A decoding process that waits for its job, ended when the block is left. Raises ChildLost."""
    child = _take_spare() or Child()
    try:
        yield child
    finally:
        child.end()


def keep_one_ready() -> None:
    """Start the process for the next job, unless one waits already: starting takes a tenth of a second."""
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
    """End the process that waits, if one does."""
    while _spare:
        _spare.pop().end()


def _forget_spare() -> None:
    global _lock
    _lock = threading.Lock()
    while _spare:
        _spare.pop().forget()


os.register_at_fork(after_in_child=_forget_spare)
