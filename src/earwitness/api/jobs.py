"""Jobs of the account, which change many recordings: how far they have come."""

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
    """A job of the account. `error` says why it failed, is tried again, or left something out."""

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
    return AccountJob(
        id=job.id, kind=job.kind, state=job.state, done=job.done, total=job.total, error=job.error
    )


ROUTES = [get_job]
