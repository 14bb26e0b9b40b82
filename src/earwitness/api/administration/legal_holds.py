"""Administration: legal holds, which keep recordings even if their retention has ended."""

from earwitness.archive.recordings.collections import (
    LEGAL_HOLDS,
    Collection,
    CollectionChange,
    CollectionId,
    CollectionToAdd,
    WholeCollection,
    add_collection,
    change_collection,
    end_collection,
    get_collection,
    list_collections,
)
from earwitness.kernel.rights import Right
from earwitness.operations import operations
from earwitness.operations.audit_subjects import by_interaction_ids
from earwitness.operations.operations import Audit, Call


@operations.read("/admin/legalHold", method="GET", right=(Right.LEGAL_HOLD_VIEW, Right.LEGAL_HOLD_EDIT))
def list_legal_holds(call: Call) -> list[Collection]:
    """List the legal holds; `total` counts the recordings that you may see."""
    return list_collections(call.connection, LEGAL_HOLDS, call.viewer)


@operations.read("/admin/legalHold/{id}", method="GET", right=(Right.LEGAL_HOLD_VIEW, Right.LEGAL_HOLD_EDIT))
def get_legal_hold(call: Call) -> WholeCollection:
    """Get a legal hold, and the recordings under it that you may see."""
    return get_collection(call.connection, LEGAL_HOLDS, call.viewer, call.id)


@operations.write(
    "/admin/legalHold",
    right=Right.LEGAL_HOLD_EDIT,
    status=201,
    audit=Audit("Add legal hold", by_interaction_ids),
)
def add_legal_hold(call: Call, body: CollectionToAdd) -> CollectionId:
    """Put recordings under a new legal hold."""
    hold_id = add_collection(call.connection, LEGAL_HOLDS, body.name)
    held = CollectionChange(interaction_ids=body.interaction_ids)
    call.entries.extend(change_collection(call.connection, LEGAL_HOLDS, call.viewer, hold_id, held))
    return CollectionId(id=hold_id)


@operations.write(
    "/admin/legalHold/{id}",
    method="PUT",
    right=Right.LEGAL_HOLD_EDIT,
    audit=Audit("Change legal hold", by_interaction_ids),
)
def change_legal_hold(call: Call, body: CollectionChange) -> WholeCollection:
    """Rename a legal hold, or replace the recordings under it; those that you may not see stay."""
    call.entries.extend(change_collection(call.connection, LEGAL_HOLDS, call.viewer, call.id, body))
    return get_collection(call.connection, LEGAL_HOLDS, call.viewer, call.id)


@operations.write("/admin/legalHold/{id}", method="DELETE", right=Right.LEGAL_HOLD_EDIT)
def end_legal_hold(call: Call) -> CollectionId:
    """End a legal hold: none of its recordings is held by it any more. The audit log keeps it."""
    call.entries.extend(end_collection(call.connection, LEGAL_HOLDS, call.id))
    return CollectionId(id=call.id)


ROUTES = [list_legal_holds, get_legal_hold, add_legal_hold, change_legal_hold, end_legal_hold]
