"""Metrics in Prometheus' text format: what the server counts, and what is read from the databases.

Each process has counters of its own. With `serve --workers` the counters are in files that the processes
share, so that each process can answer `/metrics` for all. The other metrics are read on request.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from earwitness.archive.accounts.accounts import Accounts
from earwitness.http.monitoring.archive_metrics import ArchiveCollector

CONTENT_TYPE = "text/plain; version=0.0.4"
"""Litestar adds the charset."""

disable_created_metrics()  # type: ignore[no-untyped-call] # a second series for each, with its time of creation

_SHARED = "PROMETHEUS_MULTIPROC_DIR"
_PREFIX = "earwitness-metrics-"
_MEMORY = Path("/dev/shm")  # noqa: S108 - files there get random names, and only their owner can read them
_ROUTE = ("method", "route", "status")
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """The counters of one process. A route is named by its template, never by a path with its ids."""

    def __init__(self, accounts: Accounts) -> None:
        self.registry = CollectorRegistry()
        self._of_archive = CollectorRegistry()
        self._of_archive.register(ArchiveCollector(accounts))
        self.requests = self._counter("requests", "Requests that were answered.", *_ROUTE)
        self.seconds = Histogram(
            "earwitness_request_seconds",
            "Time from a request to the end of its answer.",
            _ROUTE,
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.bytes_in = self._counter("received_bytes", "Bytes of requests' bodies.", "route")
        self.bytes_out = self._counter("sent_bytes", "Bytes of answers' bodies.", "route")
        self.failures = self._counter(
            "failures",
            "Requests that the server could not answer as it should, by the problem's code.",
            "code",
        )

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"earwitness_{name}", meaning, labels, registry=self.registry)

    def text(self) -> bytes:
        """All metrics, of all processes of this server."""
        registry = self.registry
        if os.environ.get(_SHARED):
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry) + generate_latest(self._of_archive)


@contextmanager
def shared_by_processes() -> Iterator[None]:
    """Let processes that are started in this block count into shared files.

    The files are in memory, not in the data folder. They are mapped, and a process that writes to a mapped
    file on a full disk is killed.
    """
    folder = _MEMORY if _MEMORY.is_dir() else Path(tempfile.gettempdir())
    _sweep(folder)
    with tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{os.getpid()}-", dir=folder) as shared:
        os.environ[_SHARED] = shared
        try:
            yield
        finally:
            del os.environ[_SHARED]


def _sweep(folder: Path) -> None:
    """Remove files of servers that were killed."""
    for left in folder.glob(f"{_PREFIX}*"):
        pid = left.name.removeprefix(_PREFIX).partition("-")[0]
        with suppress(OSError):
            if pid.isdigit() and left.stat().st_uid == os.getuid() and not _lives(int(pid)):
                shutil.rmtree(left)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
