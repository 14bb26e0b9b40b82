"""What a server counts of itself, and what it says of its archive, in Prometheus' text format.

Counters live in each process. With `serve --workers` they are kept in files that the processes share, so
that whichever answers `/metrics` speaks for all; the rest is read from the databases when it is asked.
"""

import logging
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
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from earwitness.archive.accounts import Accounts
from earwitness.archive.schema.people import counters
from earwitness.archive.workload import UNFINISHED, workload
from earwitness.kernel.clock import now_ms

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

log = logging.getLogger(__name__)

disable_created_metrics()  # a second series for each, that says when it began

_SHARED = "PROMETHEUS_MULTIPROC_DIR"
_PREFIX = "earwitness-metrics-"
_MEMORY = Path("/dev/shm")  # noqa: S108 - what is made there has a random name, for its owner alone
_ROUTE = ("method", "route", "status")
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """The counters of one process. A route is named by its template, never by the path that was called."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
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

    def text(self, accounts: Accounts) -> bytes:
        """Everything there is to say, of all processes of this server."""
        registry = self.registry
        if os.environ.get(_SHARED):
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        looked_up = CollectorRegistry()
        looked_up.register(_Archive(accounts))
        return generate_latest(registry) + generate_latest(looked_up)


class _Archive(Collector):
    """What the databases say, of all accounts together."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    def collect(self) -> Iterator[Metric]:
        yield _gauge("disk_free_bytes", "Free space for the data folder.", _free_bytes(self._accounts))
        received, waiting = 0, dict.fromkeys(UNFINISHED, 0)
        oldest_at = now = now_ms()
        try:
            for account in self._accounts.all():
                with self._accounts.open(account.client_id).read() as connection:
                    received += _received(connection)
                    work = workload(connection)
                for state, count in work.counts.items():
                    waiting[state] += count
                oldest_at = min(oldest_at, work.oldest_queued_at or now)
        except SQLAlchemyError as error:
            log.warning("metrics cannot read the databases: %s", type(error).__name__)
            yield _gauge("database_up", "Whether the databases answer.", 0)
            return
        yield _gauge("database_up", "Whether the databases answer.", 1)
        yield CounterMetricFamily(
            "earwitness_recordings_received", "Recordings taken in, through any door.", received
        )
        jobs = GaugeMetricFamily("earwitness_jobs", "Jobs that are not done, by state.", labels=["state"])
        for state, count in waiting.items():
            jobs.add_metric([state], count)
        yield jobs
        age = (now - oldest_at) / 1000
        yield _gauge("oldest_queued_job_age_seconds", "How long the oldest queued job has waited.", age)


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(f"earwitness_{name}", meaning, value)


def _free_bytes(accounts: Accounts) -> int:
    return shutil.disk_usage(accounts.settings.data).free


def _received(connection: Connection) -> int:
    """How many recordings were ever taken in: the last interactionId that was given."""
    return int(connection.scalar(select(counters.c.value).where(counters.c.name == "interaction")) or 0)


@contextmanager
def shared_by_processes() -> Iterator[None]:
    """Let the processes that are started within count together.

    Their files lie in memory, not under the data folder: they are mapped, and a process that writes to a
    mapped file on a full disk is killed.
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
    """Remove what servers left that were killed."""
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
