"""Jobs of the account, which change many recordings: how far they have come."""

from earwitness.archive.access.visibility import limits_of
from earwitness.archive.jobs import account_jobs
from earwitness.archive.jobs.account_job_kinds import AccountJobKind
from earwitness.archive.jobs.account_jobs import AccountJobState
from earwitness.kernel.errors import NotFound
from earwitness.kernel.rights import Right
from earwitness.kernel.wire import Wire
from earwitness.operations import operations
from earwitness.operations.operations import Call

_OF_THOSE_WHO_ORDER = (
    Right.ACCOUNT_VIEW,
    Right.LEGAL_HOLD_EDIT,
    Right.PEOPLE_EDIT,
    Right.PLAYLIST_EDIT,
    Right.RECORDING_TAG_EDIT,
    Right.RETENTION_GROUP_EDIT,
)


class AccountJob(Wire):
    """A job of the account. `error` says why it failed, is tried again, or left something out.

    `done` and `total` count recordings, or people or endpoints where it changes those. They are in percent
    for a viewer who may not see all recordings, unless the job changes what this viewer selected.
    """

    id: int
    kind: AccountJobKind
    state: AccountJobState
    done: int
    total: int
    error: str | None


@operations.read("/client/job/{id}", method="GET", right=_OF_THOSE_WHO_ORDER)
def get_job(call: Call) -> AccountJob:
    """Get how far a job has come: one that you ordered, or any with `Account.View`."""
    job = account_jobs.get(call.connection, call.id)
    if job is None or not (call.viewer.may(Right.ACCOUNT_VIEW) or job.ordered_by == call.viewer.user_id):
        raise NotFound(f"There is no job {call.id}.")
    done, total = job.done, job.total
    is_own_selection = job.kind == "selection" and job.ordered_by == call.viewer.user_id
    if not is_own_selection and any(True for _ in limits_of(call.viewer)):
        done, total = 100 if job.state == "done" else done * 100 // max(total, 1), 100
    return AccountJob(id=job.id, kind=job.kind, state=job.state, done=done, total=total, error=job.error)


ROUTES = [get_job]
