"""Administration: legal holds, which keep recordings even if their retention has ended."""

from earwitness.api.administration import collection_changes
from earwitness.archive.recordings.collections import (
    LEGAL_HOLDS,
    Collection,
    CollectionChange,
    CollectionId,
    CollectionToAdd,
)
from earwitness.archive.selections.members import (
    Member,
    WantedMembers,
    WholeCollection,
    get_collection,
)
from earwitness.kernel.rights import Right
from earwitness.operations import operations
from earwitness.operations.audit_subjects import by_interaction_ids
from earwitness.operations.operations import Answer, Audit, Call


@operations.read(
    "/admin/legalHold", method="GET", right=(Right.LEGAL_HOLD_VIEW, Right.LEGAL_HOLD_EDIT), pends=True
)
def list_legal_holds(call: Call) -> Answer[list[Collection]]:
    """List the legal holds; `total` counts the recordings that you may see."""
    return collection_changes.every(call, LEGAL_HOLDS)


@operations.read(
    "/admin/legalHold/{id}", method="GET", right=(Right.LEGAL_HOLD_VIEW, Right.LEGAL_HOLD_EDIT), pends=True
)
def get_legal_hold(call: Call) -> Answer[WholeCollection]:
    """Get a legal hold, and the recordings under it that you may see."""
    return collection_changes.whole(call, LEGAL_HOLDS)


@operations.read(
    "/admin/legalHold/{id}/recording",
    method="GET",
    right=(Right.LEGAL_HOLD_VIEW, Right.LEGAL_HOLD_EDIT),
    pends=True,
)
def list_legal_hold_recordings(call: Call, query: WantedMembers) -> Answer[list[Member]]:
    """List the recordings under a legal hold that you may see, by start; the total is in `X-Total-Count`."""
    return collection_changes.members(call, LEGAL_HOLDS, query)


@operations.write(
    "/admin/legalHold",
    right=Right.LEGAL_HOLD_EDIT,
    status=201,
    audit=Audit("Add legal hold", by_interaction_ids),
)
def add_legal_hold(call: Call, body: CollectionToAdd) -> CollectionId:
    """Put recordings under a new legal hold."""
    return collection_changes.add(call, LEGAL_HOLDS, body)


def _prepare_change(call: Call, body: CollectionChange) -> collection_changes.Prepared:
    return collection_changes.prepare_change(call, LEGAL_HOLDS, body)


def _changed(call: Call, _body: CollectionChange) -> WholeCollection:
    return get_collection(call.connection, LEGAL_HOLDS, call.viewer, call.id, ended=True)


@operations.write(
    "/admin/legalHold/{id}",
    method="PUT",
    right=Right.LEGAL_HOLD_EDIT,
    audit=Audit("Change legal hold", by_interaction_ids),
    prepare=_prepare_change,
    answer=_changed,
    pends=True,
)
def change_legal_hold(call: Call, body: CollectionChange) -> int | None:
    """Rename a legal hold, or replace the recordings under it; those that you may not see stay.

    `interactionIds` replaces them all, `addInteractionIds` and `removeInteractionIds` change some. More than
    1,000 are taken out by a job: then `X-Pending` has its id.
    """
    return collection_changes.change(call, LEGAL_HOLDS, body)


def _count(call: Call) -> int:
    return collection_changes.count(call, LEGAL_HOLDS)


@operations.write(
    "/admin/legalHold/{id}", method="DELETE", right=Right.LEGAL_HOLD_EDIT, prepare=_count, pends=True
)
def end_legal_hold(call: Call) -> Answer[CollectionId]:
    """End a legal hold.

    None of its recordings is held by it any more. The audit log keeps it. It ends at once. Beyond
    1,000 recordings a job completes the audit log: then `X-Pending` has its id.
    """
    return collection_changes.end(call, LEGAL_HOLDS)


ROUTES = [
    list_legal_holds,
    get_legal_hold,
    list_legal_hold_recordings,
    add_legal_hold,
    change_legal_hold,
    end_legal_hold,
]
