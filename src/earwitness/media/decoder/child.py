"""Decoding processes. Each does one job, and is ended."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from earwitness.media.decoder.fork_server import DECODERS
from earwitness.media.decoding.wire import JOB, OUTPUT, Channel, Closed, DecodingJob
from earwitness.media.flow import Bytes


class ChildLost(Exception):
    """A decoding process died, sent something unexpected, or took too long."""


class ChildSlow(ChildLost):
    """A decoding process took too long until its first output."""


class Child:
    """One decoding process. Only the time that callers wait for it counts against its limit."""

    def __init__(self) -> None:
        try:
            self._forked = DECODERS.fork()
        except OSError as error:
            raise ChildLost("no process could be started") from error
        self._channel = Channel(self._forked.end)
        self._seconds = 0.0
        self._seconds_later = 0.0

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
        return kind, bytes(payload)

    def end(self) -> None:
        """Kill it, and wait until it has ended."""
        self._forked.kill()

    @contextmanager
    def _on_time(self) -> Iterator[None]:
        begun = time.monotonic()
        try:
            if self._seconds <= 0:
                raise TimeoutError
            self._forked.end.settimeout(self._seconds)
            yield
        except TimeoutError:
            raise (ChildSlow if self._seconds_later else ChildLost)("it took too long") from None
        except Closed:
            raise ChildLost(self._forked.why_it_ended()) from None
        finally:
            self._seconds -= time.monotonic() - begun


@contextmanager
def new_child() -> Iterator[Child]:
    """A decoding process that waits for its job. It is ended when the block is left. Raises ChildLost."""
    child = Child()
    try:
        yield child
    finally:
        child.end()
