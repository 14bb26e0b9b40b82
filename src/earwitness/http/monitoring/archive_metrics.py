"""Metrics that are read from the databases, summed over all accounts.

There may be many accounts, and most are quiet. Those with work are read each time, the others now and then.
"""

import logging
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from earwitness.archive.accounts import states
from earwitness.archive.accounts.accounts import Accounts
from earwitness.archive.accounts.opening.unfit import AccountUnavailable
from earwitness.archive.database.transactions import reading
from earwitness.archive.jobs.transcription_totals import Transcribed, transcribed
from earwitness.archive.jobs.workload import UNFINISHED, Workload, workload
from earwitness.archive.receipts.alarm import count_missing
from earwitness.archive.schema.directory import accounts_with_work
from earwitness.archive.schema.people import counters
from earwitness.kernel.clock import now_ms
from earwitness.kernel.errors import Problem
from earwitness.kernel.outages import tell

log = logging.getLogger(__name__)

_STALE_AFTER_MS = 60_000
_QUIET_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class _Counts:
    """What was read from an account: how many recordings it ever received, and its unfinished work."""

    at: int
    received: int
    work: Workload
    transcribed: Transcribed


class ArchiveCollector(Collector):
    """Reads the databases when metrics are requested, for Prometheus' client."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._counts: dict[int, _Counts] = {}
        self._forked = 0

    def collect(self) -> Iterator[Metric]:
        free = shutil.disk_usage(self._accounts.settings.data).free
        yield _gauge("disk_free_bytes", "Free space for the data folder.", free)
        try:
            self._read_accounts()
        except SQLAlchemyError as error:
            tell(log.warning, error, "metrics cannot read the databases")
            yield _gauge("database_up", "Whether the databases answer.", 0)
            return
        yield _gauge("database_up", "Whether the databases answer.", 1)
        yield from _missing_keys(self._accounts)
        yield _gauge("ledgers_forked", "Ledgers that do not go on from what others were given.", self._forked)
        differing = states.differing(self._accounts.directory)
        yield _gauge("check_differences", "What the last daily checks found that differs.", differing)
        lost = sum(count_missing(self._accounts.settings, client_id) for client_id in self._counts)
        yield _gauge("recordings_missing", "Recordings, or parts, that were acknowledged and are gone.", lost)
        looked = list(self._counts.values())
        received = sum(one.received for one in looked)
        yield _gauge("recordings_received", "Recordings ever ingested, over HTTP or by command.", received)
        jobs = GaugeMetricFamily("earwitness_jobs", "Jobs that are not done, by state.", labels=["state"])
        for state in UNFINISHED:
            jobs.add_metric([state], sum(one.work.counts.get(state, 0) for one in looked))
        yield jobs
        now = now_ms()
        oldest = min((one.work.oldest_queued_at or now for one in looked), default=now)
        age = max(0, now - oldest) / 1000
        yield _gauge("oldest_queued_job_age_seconds", "How long the oldest queued job has waited.", age)
        yield from _transcription(sum((one.transcribed for one in looked), Transcribed()))

    def _read_accounts(self) -> None:
        """Read the accounts that have work, or had some, and some that were not read for a minute."""
        with reading(self._accounts.directory) as connection:
            marked = set(connection.scalars(select(accounts_with_work.c.client_id)))
        self._forked = len(states.forked_ledgers(self._accounts.directory))
        ids = [account.client_id for account in self._accounts.all()]
        known = {client_id: self._counts[client_id] for client_id in ids if client_id in self._counts}
        busy = [one for one in ids if one in marked or (one in known and known[one].work.counts)]
        looked_at = {one: known[one].at if one in known else 0 for one in ids if one not in busy}
        stale = [one for one, at in looked_at.items() if abs(now_ms() - at) > _STALE_AFTER_MS]
        for client_id in [*busy, *sorted(stale, key=looked_at.__getitem__)[:_QUIET_AT_ONCE]]:
            with suppress(AccountUnavailable):  # its last counts stay
                known[client_id] = self._read(client_id)
        self._counts = known

    def _read(self, client_id: int) -> _Counts:
        with self._accounts.glance(client_id) as connection:
            received = connection.scalar(select(counters.c.value).where(counters.c.name == "interaction"))
            return _Counts(now_ms(), int(received or 0), workload(connection), transcribed(connection))


def _missing_keys(accounts: Accounts) -> Iterator[Metric]:
    with suppress(Problem):  # they cannot be counted; /readyz says what is wrong
        missing = len(accounts.identity.missing_keys())
        yield _gauge("keys_missing", "Keys that recordings need and this server does not have.", missing)


def _transcription(done: Transcribed) -> Iterator[Metric]:
    heard, took = done.heard_ms / 1000, done.took_ms / 1000
    yield _gauge("transcribed_seconds", "Seconds of sound transcribed, each channel counted.", heard)
    yield _gauge("transcribing_seconds", "Seconds that this took.", took)
    factor = took / heard if heard else 0
    yield _gauge("transcription_real_time_factor", "Seconds taken for each second of sound.", factor)


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(f"earwitness_{name}", meaning, value)
