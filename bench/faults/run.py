"""A run: each fault is made, mended and recovered from; at the end the archive is audited."""

import math
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg

from bench.faults.clients import Clients
from bench.faults.outcomes import all_targets_again, count, first_success, longest, where
from bench.faults.report import Row, failures
from bench.faults.rows import Fault
from bench.faults.site import MAIN, Site
from bench.soak_audit import audit

_RECOVERY_SECONDS = 45.0
_CALM_SECONDS = 2.0
_MOST_QUEUED = 100
_SETTLE_MINUTES = 4


def run_fault(site: Site, clients: Clients, name: str, fault: Fault) -> Row:
    """Break something, mend it, and wait until every target takes recordings and a job is done."""
    fault.prepare(site)
    time.sleep(_CALM_SECONDS)
    began = time.monotonic()
    with fault.breaks(site):
        time.sleep(max(0.0, began + fault.seconds - time.monotonic()))
        mended = time.monotonic()
    done, jobs_after = _count_processed(site), None
    whole = None
    while time.monotonic() < mended + _RECOVERY_SECONDS and (whole is None or jobs_after is None):
        time.sleep(0.2)
        site.start_what_ended()
        if jobs_after is None and done is not None and (_count_processed(site) or 0) > done:
            jobs_after = time.monotonic() - mended
        done = _count_processed(site) if done is None else done
        since = clients.outcomes.between(mended, time.monotonic())
        whole = all_targets_again(since, site.targets, "ingested", mended)
    seen = clients.outcomes.between(began, time.monotonic())
    calls = [one for one in seen if one.call != "readyz"]
    return Row(
        name,
        fault.title,
        began,
        count(calls),
        longest(calls),
        longest(one for one in seen if one.call == "readyz"),
        first_success((one for one in calls if one.account == MAIN), "ingested", began),
        whole,
        jobs_after,
        where(calls, MAIN),
        failures=failures(calls),
    )


@contextmanager
def limit_queue(site: Site, clients: Clients) -> Iterator[None]:
    """Hold back new recordings while too many jobs wait, so that the audit need not wait for long."""
    over = threading.Event()

    def watch() -> None:
        queued = f"SELECT count(*) FROM account_{MAIN}.jobs WHERE state = 'queued'".encode()
        while not over.wait(1):
            with suppress(psycopg.Error), site.database() as database:
                many = database.execute(queued).fetchall()[0][0] > _MOST_QUEUED
                (clients.too_many_jobs.set if many else clients.too_many_jobs.clear)()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _count_processed(site: Site) -> int | None:
    """How many recordings are processed; None if the database does not answer."""
    processed = (
        f"SELECT count(*) FROM account_{MAIN}.recordings WHERE has_media AND status <> 'received'".encode()
    )
    with suppress(psycopg.Error), site.database() as database:
        return int(database.execute(processed).fetchall()[0][0])
    return None


def audit_accounts(site: Site, clients: Clients, rows: list[Row]) -> list[str]:
    """Compare the archive with what was acknowledged, complete the rows, and return what is wrong."""
    wrong = list(dict.fromkeys(clients.wrong))
    for account, credentials in clients.credentials.items():
        sent = {name: one.recording for name, one in clients.sent.items() if one.account == account}
        never = {name: one.recording for name, one in clients.unanswered.items() if one.account == account}
        findings = audit(site, credentials, sent, never, settle_minutes=_SETTLE_MINUTES)
        print(f"  account {account}: {findings.counts}", file=sys.stderr, flush=True)
        wrong += [f"account {account}: {line}" for line in findings.wrong]
        for row, end in zip(rows, [*(row.began for row in rows[1:]), math.inf], strict=True):
            of_row = {name for name in sent if row.began <= clients.sent[name].first_sent < end}
            row.acknowledged += len(of_row)
            row.repeated += sum(clients.sent[name].tries > 1 for name in of_row)
            row.lost += len(of_row & findings.lost)
            row.doubled += len(of_row & findings.doubled)
            row.stuck += len(of_row & findings.stuck)
    return wrong
