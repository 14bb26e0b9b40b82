"""How legal holds and playlists are added, changed and ended: the same for both."""

from collections.abc import Mapping
from dataclasses import dataclass

from earwitness.archive.recordings.collections import (
    CHANGED_AT_ONCE,
    Collection,
    CollectionChange,
    CollectionId,
    CollectionToAdd,
    Kind,
    add_collection,
    collection_row,
    end_collection,
    has_many,
    list_collections,
    members_of,
    named_positions,
    put_in,
    rename_collection,
    replace_members,
    take_out,
)
from earwitness.archive.selections.changes import Changes
from earwitness.archive.selections.members import (
    Member,
    WantedMembers,
    WholeCollection,
    all_members,
    get_collection,
    list_members,
)
from earwitness.archive.selections.pending import is_opposed, pending_on
from earwitness.archive.selections.selected import Selected, select_all
from earwitness.kernel.errors import BadRequest, Conflict, Fault, OutOfDate
from earwitness.operations.operations import Answer, Call, with_pending
from earwitness.operations.selections import order_changes


def add(call: Call, kind: Kind, body: CollectionToAdd) -> CollectionId:
    """Add a collection, in the transaction of its call."""
    new_id = add_collection(call.connection, kind, body.name)
    named = named_positions(call.connection, call.viewer, body.interaction_ids or [])
    call.changed(kind.entity_name, new_id, {"name": body.name})
    call.entries.extend(put_in(call.connection, kind, new_id, named))
    return CollectionId(id=new_id)


def every(call: Call, kind: Kind) -> Answer[list[Collection]]:
    """All collections, and the newest job that still changes the recordings of one."""
    found = list_collections(call.connection, kind, call.viewer)
    return with_pending(found, pending_on(call.connection, kind, *(one.id for one in found)))


def whole(call: Call, kind: Kind) -> Answer[WholeCollection]:
    """A collection with its recordings if they are few, and the job that still changes them."""
    found = get_collection(call.connection, kind, call.viewer, call.id)
    return with_pending(found, pending_on(call.connection, kind, call.id))


def members(call: Call, kind: Kind, query: WantedMembers) -> Answer[list[Member]]:
    """A page of the recordings in a collection, how many there are, and the job that still changes them."""
    page, total = list_members(call.connection, kind, call.viewer, call.id, query)
    pending = pending_on(call.connection, kind, call.id)
    answer = with_pending(page, pending)
    return Answer(page, headers={"X-Total-Count": str(total)} | answer.headers)


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a change of members means, as it was found in a read."""

    named: Mapping[str, Mapping[int, int]]
    """The recordings that each field names, positions by interactionId."""
    others: Selected | None
    """Where many are in the collection: those of them that the viewer sees, and that shall leave it."""


def prepare_change(call: Call, kind: Kind, body: CollectionChange) -> Prepared:
    """Find the recordings of a change. Raises NotFound, and BadRequest naming the field."""
    named = _named(call, kind, body)
    return Prepared(named, _others(call, kind, named))


def change(call: Call, kind: Kind, body: CollectionChange) -> int | None:
    """Rename a collection, and change its members. Returns the job that still changes them, if any."""
    prepared: Prepared = call.prepared
    call.entries.append(rename_collection(call.connection, kind, call.id, body.name))
    if "interactionIds" in prepared.named:
        _replace(call, kind, prepared.named["interactionIds"], prepared.others)
    _add_and_remove(call, kind, prepared.named)
    return pending_on(call.connection, kind, call.id)


def count(call: Call, kind: Kind) -> int:
    """How many recordings, seen or not, are in a collection that is to end. Raises NotFound."""
    count: int = collection_row(call.connection, kind, call.id).recordings
    return count


def end(call: Call, kind: Kind) -> Answer[CollectionId]:
    """End a collection: at once no recording is in it. The rows of many members are removed by a job."""
    call.entries.append(end_collection(call.connection, kind, call.id))
    pending = None
    if has_many(call.connection, kind, call.id):
        what = {"collection": kind.key_name, "id": call.id}
        pending = call.order("emptying", what, total=call.prepared)
    else:
        members = members_of(call.connection, kind, call.id, CHANGED_AT_ONCE)
        call.entries.extend(take_out(call.connection, kind, call.id, members))
    return with_pending(CollectionId(id=call.id), pending)


def _named(call: Call, kind: Kind, body: CollectionChange) -> dict[str, dict[int, int]]:
    """The recordings that each field names, positions by interactionId. Raises NotFound and BadRequest."""
    if body.interaction_ids is not None and (body.add_interaction_ids or body.remove_interaction_ids):
        raise BadRequest.of(Fault("interactionIds", "expected these alone, or some to add and to remove"))
    collection_row(call.connection, kind, call.id)
    fields = {
        "interactionIds": body.interaction_ids,
        "addInteractionIds": body.add_interaction_ids,
        "removeInteractionIds": body.remove_interaction_ids,
    }
    return {
        path: named_positions(call.connection, call.viewer, ids, path)
        for path, ids in fields.items()
        if ids is not None
    }


def _others(call: Call, kind: Kind, named: Mapping[str, Mapping[int, int]]) -> Selected | None:
    """The recordings that the viewer sees in a collection of many, except those that shall replace them."""
    if "interactionIds" not in named or not has_many(call.connection, kind, call.id):
        return None
    kept = set(named["interactionIds"].values())
    parts = all_members(call.connection, kind, call.viewer, call.id)
    left = ([position for position in part if position not in kept] for part in parts)
    return select_all(call.archive, call.viewer, left)


def _replace(call: Call, kind: Kind, named: Mapping[int, int], others: Selected | None) -> None:
    """Let the collection have the recordings that are named. A job takes out the others if they are many."""
    if pending_on(call.connection, kind, call.id) is not None:
        raise _in_work(kind)
    if not has_many(call.connection, kind, call.id):
        call.entries.extend(replace_members(call.connection, kind, call.viewer, call.id, named))
        return
    if others is None:
        raise OutOfDate
    call.entries.extend(put_in(call.connection, kind, call.id, named))
    changes = Changes(take_out={kind.key_name: call.id})
    metadata = {kind.id_field: call.id, "change": "removed"}
    order_changes(call, changes, others, metadata)


def _add_and_remove(call: Call, kind: Kind, named: Mapping[str, Mapping[int, int]]) -> None:
    added, removed = named.get("addInteractionIds", {}), named.get("removeInteractionIds", {})
    for changes, recorded in (
        (Changes(put_in={kind.key_name: call.id}), added),
        (Changes(take_out={kind.key_name: call.id}), removed),
    ):
        if recorded and is_opposed(call.connection, changes):
            raise _in_work(kind)
    call.entries.extend(put_in(call.connection, kind, call.id, added))
    call.entries.extend(take_out(call.connection, kind, call.id, removed))


def _in_work(kind: Kind) -> Conflict:
    return Conflict(
        f"A job is still changing the recordings of this {kind.title}; try again when it is done."
    )
