"""What `earwitness status` shows of an account."""

from typing import Any

import msgspec
from sqlalchemy import Connection, func, select

from earwitness.archive.access.usernames import look_alikes
from earwitness.archive.jobs import account_jobs, daily_checks
from earwitness.archive.jobs.workload import UNFINISHED, workload
from earwitness.archive.ledger.attestation.asked import attested
from earwitness.archive.people.endpoint_changes import lost_endpoints
from earwitness.archive.recordings.incomplete import count_not_whole
from earwitness.archive.schema.ledger import ledger_checkpoints
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.schema.vault import media_objects, recording_keys
from earwitness.archive.upkeep.ledgers import ledger_beginning
from earwitness.archive.upkeep.ledgers.ledger_log import forked_at
from earwitness.archive.upkeep.text_rebuild import progress


def overview_of(connection: Connection) -> dict[str, Any]:
    """What an account holds, and what is left to do in it, as JSON."""
    work = workload(connection)
    keys = connection.execute(
        select(recording_keys.c.kek_id, func.count())
        .group_by(recording_keys.c.kek_id)
        .order_by(recording_keys.c.kek_id)
    )
    lost = msgspec.to_builtins(lost_endpoints(connection))
    alike = [[{"id": one, "username": name} for one, name in group] for group in look_alikes(connection)]
    return {
        "recordings": connection.scalar(select(func.count()).select_from(recordings)),
        "mediaBytes": int(connection.scalar(select(func.sum(media_objects.c.stored_bytes))) or 0),
        "jobs": {state: work.counts.get(state, 0) for state in UNFINISHED},
        "accountJobs": account_jobs.counts(connection),
        "oldestQueuedAt": work.oldest_queued_at,
        "keys": {row[0]: row[1] for row in keys},
        "textRebuild": _rebuild_of(connection),
        "ledger": _ledger_of(connection),
        **count_not_whole(connection),
        "endpointsLost": lost,
        "endpointsLostCount": len(lost),
        "usersThatLookAlike": alike,
        "usersThatLookAlikeCount": len(alike),
    }


def _ledger_of(connection: Connection) -> dict[str, Any]:
    """The log: its size, the size that others were shown if it has forked, and who attested it when."""
    return {
        "size": connection.scalar(select(func.max(ledger_checkpoints.c.size))) or 0,
        "forkedAt": forked_at(connection),
        "isBeginning": ledger_beginning.is_left(connection),
        "checks": daily_checks.results(connection),
        "attested": attested(connection),
    }


def _rebuild_of(connection: Connection) -> dict[str, int] | None:
    """How far the rebuild of the text index has come; None if there is none."""
    found = progress(connection)
    return None if found is None else {"done": found.done, "recordings": found.total}
