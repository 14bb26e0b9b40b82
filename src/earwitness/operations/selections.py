"""Orders changes of selected recordings: at once where they are few, else as a job of the account."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from earwitness.archive.jobs import account_jobs, position_lists
from earwitness.archive.selections.changes import Changes, make_changes
from earwitness.archive.selections.pending import is_opposed
from earwitness.archive.selections.selected import Selected
from earwitness.operations.operations import Call

_ROWS_AT_ONCE = 4_000
"""More rows than these take too long in the write of the order, as of 1,000 recordings with 5 tags."""


@dataclass(frozen=True, slots=True)
class Ordered:
    """A job, and whether it is still to be done."""

    job_id: int
    is_pending: bool

    @property
    def pending_id(self) -> int | None:
        return self.job_id if self.is_pending else None


def order_changes(call: Call, changes: Changes, selected: Selected, metadata: Mapping[str, Any]) -> Ordered:
    """Order changes, and make them at once where the recordings are few and no job does the opposite.

    `metadata` is that of the order's row in the ledger.
    """
    stored = selected.job_id
    waits = changes.of_one * selected.total > _ROWS_AT_ONCE
    waits = waits or (bool(selected.few) and is_opposed(call.connection, changes))
    is_at_once = stored is None and not waits
    if stored is None and not is_at_once:
        stored = position_lists.begin(call.connection, "selection", call.viewer)
        position_lists.add(call.connection, stored, 0, selected.few)
    job_id = call.order(
        "selection", changes.stored, total=selected.total, job_id=stored, is_at_once=is_at_once
    )
    call.changed("Selection", job_id, {**metadata, "total": selected.total})
    job = account_jobs.get(call.connection, job_id)
    if is_at_once and job is not None:
        make_changes(call.connection, changes, selected.few, call.header())
        account_jobs.note_batch(call.connection, job, None, selected.total, is_last=True)
    return Ordered(job_id, not is_at_once)
