"""One fault after the other: broken for a while, mended, and waited for; at the end, the audit."""

import math
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg

from bench.faults.crowd import Crowd
from bench.faults.outcomes import all_doors_again, count, first_success, longest, where
from bench.faults.report import Row, failures
from bench.faults.rows import Fault
from bench.faults.site import MAIN, Site
from bench.soak_audit import audit

_RECOVERY_SECONDS = 45.0
_CALM_SECONDS = 2.0
_MOST_QUEUED = 100
_SETTLE_MINUTES = 4


def broken(site: Site, crowd: Crowd, name: str, fault: Fault) -> Row:
    """Break something, mend it, and wait until recordings are taken in at every door, and jobs are done."""
    fault.prepare(site)
    time.sleep(_CALM_SECONDS)
    began = time.monotonic()
    with fault.breaks(site):
        time.sleep(max(0.0, began + fault.seconds - time.monotonic()))
        mended = time.monotonic()
    done, jobs_after = _done(site), None
    whole = None
    while time.monotonic() < mended + _RECOVERY_SECONDS and (whole is None or jobs_after is None):
        time.sleep(0.2)
        site.start_what_ended()
        if jobs_after is None and done is not None and (_done(site) or 0) > done:
            jobs_after = time.monotonic() - mended
        done = _done(site) if done is None else done
        since = crowd.seen.between(mended, time.monotonic())
        whole = all_doors_again(since, site.doors, "ingested", mended)
    seen = crowd.seen.between(began, time.monotonic())
    calls = [one for one in seen if one.call != "readyz"]
    return Row(
        name,
        fault.says,
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
def calm(site: Site, crowd: Crowd) -> Iterator[None]:
    """Hold back new recordings while too many jobs wait: the archive is to be broken, not drowned."""
    over = threading.Event()

    def watch() -> None:
        queued = f"SELECT count(*) FROM account_{MAIN}.jobs WHERE state = 'queued'".encode()
        while not over.wait(1):
            with suppress(psycopg.Error), site.database() as database:
                many = database.execute(queued).fetchall()[0][0] > _MOST_QUEUED
                (crowd.crowded.set if many else crowd.crowded.clear)()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _done(site: Site) -> int | None:
    """How many recordings are processed; None if the database does not answer."""
    processed = (
        f"SELECT count(*) FROM account_{MAIN}.recordings WHERE has_media AND status <> 'received'".encode()
    )
    with suppress(psycopg.Error), site.database() as database:
        return int(database.execute(processed).fetchall()[0][0])
    return None


def audited(site: Site, crowd: Crowd, rows: list[Row]) -> list[str]:
    """Hold the archive to what was acknowledged, write it into the rows, and answer what is wrong."""
    wrong = list(dict.fromkeys(crowd.wrong))
    for account, credentials in crowd.credentials.items():
        sent = {name: one.recording for name, one in crowd.sent.items() if one.account == account}
        never = {name: one.recording for name, one in crowd.unanswered.items() if one.account == account}
        findings = audit(site, credentials, sent, never, settle_minutes=_SETTLE_MINUTES)
        print(f"  account {account}: {findings.counts}", file=sys.stderr, flush=True)
        wrong += [f"account {account}: {line}" for line in findings.wrong]
        for row, end in zip(rows, [*(row.began for row in rows[1:]), math.inf], strict=True):
            offered = {name for name in sent if row.began <= crowd.sent[name].offered < end}
            row.acknowledged += len(offered)
            row.repeated += sum(crowd.sent[name].tries > 1 for name in offered)
            row.lost += len(offered & findings.lost)
            row.doubled += len(offered & findings.doubled)
            row.stuck += len(offered & findings.stuck)
    return wrong
