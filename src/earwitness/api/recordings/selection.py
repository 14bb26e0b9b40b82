"""Change all recordings that a search finds, or some that are named: POST /client/recording/selection."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from earwitness.api.recordings.search_token import Pinned, read
from earwitness.archive.recordings.collections import (
    LEGAL_HOLDS,
    PLAYLISTS,
    InteractionIds,
    Kind,
    collection_row,
    named_positions,
)
from earwitness.archive.recordings.tags import find_or_add_tags, find_tags
from earwitness.archive.search.filters import RecordingFilters, RecordingSearch
from earwitness.archive.search.search import positions_of
from earwitness.archive.selections.changes import Changes
from earwitness.archive.selections.selected import Selected, select_all
from earwitness.kernel.errors import BadRequest, Fault, NotFound
from earwitness.kernel.rights import Right
from earwitness.kernel.wire import Id, Wire, Word
from earwitness.operations import operations
from earwitness.operations.audit_subjects import by_interaction_ids
from earwitness.operations.changed_fields import changed_fields
from earwitness.operations.operations import Answer, Audit, Call, with_pending
from earwitness.operations.selections import order_changes

Tags = Annotated[list[Word], Meta(max_length=100)]

_RIGHTS = {
    "filters": Right.RECORDING_VIEW,
    "add_tags": Right.RECORDING_TAG_EDIT,
    "remove_tags": Right.RECORDING_TAG_EDIT,
    "playlist_id": Right.PLAYLIST_EDIT,
    "legal_hold_id": Right.LEGAL_HOLD_EDIT,
}
"""The right that each part of a selection needs."""

_CHANGES = ("add_tags", "remove_tags", "playlist_id", "legal_hold_id")


class Selection(Wire):
    """Which recordings, by `filters` or by `interactionIds`, and what is done to all of them."""

    filters: RecordingFilters | None = None
    interaction_ids: InteractionIds | None = None
    recordings_search_token: str | None = None
    add_tags: Tags | None = None
    remove_tags: Tags | None = None
    playlist_id: Id | None = None
    legal_hold_id: Id | None = None


class OrderedSelection(Wire):
    """The job that makes the changes, and how many recordings they concern."""

    job_id: int
    total: int


def _prepare(call: Call, body: Selection) -> Selected:
    """The recordings that are meant. What is wrong is said before anything is stored."""
    for name, right in _RIGHTS.items():
        if getattr(body, name) is not None:
            call.viewer.require(right)
    _check(body)
    _changes_of(call, body)
    return _selected(call, body)


@operations.write(
    "/client/recording/selection",
    right=(Right.RECORDING_TAG_EDIT, Right.PLAYLIST_EDIT, Right.LEGAL_HOLD_EDIT),
    status=202,
    audit=Audit("Change selected recordings", by_interaction_ids),
    prepare=_prepare,
    pends=True,
)
def change_selection(call: Call, body: Selection) -> Answer[OrderedSelection]:
    """Put all recordings that a search finds into a legal hold or playlist, or change their tags.

    Each change needs its own right, and `filters` needs `Recording.View`. The recordings are those that you
    may see now; with a search token, those that it pinned. Up to 1,000 are changed at once, more by a job, in
    batches, as are more than 4,000 tags of fewer: then `X-Pending` has its id.
    """
    selected: Selected = call.prepared
    ordered = order_changes(call, _changes_of(call, body, adding=True), selected, _metadata(body))
    answer = OrderedSelection(job_id=ordered.job_id, total=selected.total)
    return with_pending(answer, ordered.pending_id, status=202)


def _check(body: Selection) -> None:
    """Raise BadRequest unless the request says which recordings, and what to do with them."""
    faults: list[Fault] = []
    if (body.filters is None) == (body.interaction_ids is None):
        faults.append(Fault("filters", "expected either filters or interactionIds"))
    if body.recordings_search_token is not None and body.filters is None:
        faults.append(Fault("recordingsSearchToken", "a token goes with the filters of its search"))
    if all(getattr(body, name) in (None, []) for name in _CHANGES):
        faults.append(Fault("", "expected addTags, removeTags, playlistId or legalHoldId"))
    for path, names in (("addTags", body.add_tags), ("removeTags", body.remove_tags)):
        blank = (index for index, name in enumerate(names or []) if not name.strip())
        faults += [Fault(f"{path}[{index}]", "expected some text") for index in blank]
    if faults:
        raise BadRequest.of(*faults)


def _changes_of(call: Call, body: Selection, *, adding: bool = False) -> Changes:
    """The changes by ids; with `adding`, tags that are new are added to the catalogue.

    Raises BadRequest naming what there is not.
    """
    connection = call.connection
    find = find_or_add_tags if adding else find_tags
    add = list(find(connection, body.add_tags or []).values())
    there = find_tags(connection, body.remove_tags or [])
    faults: list[Fault] = []
    remove: list[int] = []
    for index, name in enumerate(body.remove_tags or []):
        known = there.get(name)
        if known is None:
            faults.append(Fault(f"removeTags[{index}]", f"there is no tag {name}"))
        elif known in add:
            faults.append(Fault(f"removeTags[{index}]", f"{name} is in addTags too"))
        else:
            remove.append(known)
    put_in = {}
    for kind, collection_id in ((PLAYLISTS, body.playlist_id), (LEGAL_HOLDS, body.legal_hold_id)):
        if collection_id is not None:
            put_in[kind.key_name] = collection_id
            faults += _fault_of(call, kind, collection_id)
    if faults:
        raise BadRequest.of(*faults)
    return Changes(put_in=put_in, add_tags=add, remove_tags=remove, response_code=202)


def _fault_of(call: Call, kind: Kind, collection_id: int) -> list[Fault]:
    try:
        collection_row(call.connection, kind, collection_id)
    except NotFound:
        return [Fault(kind.id_field, f"there is no {kind.title} {collection_id}")]
    return []


def _selected(call: Call, body: Selection) -> Selected:
    """The recordings that are meant, of those that the viewer may see. Raises BadRequest."""
    if body.filters is None:
        named = named_positions(call.connection, call.viewer, body.interaction_ids or [])
        return select_all(call.archive, call.viewer, [sorted(named.values())])
    newest_id = None
    if body.recordings_search_token is not None:
        newest_id = _pinned(call, body.filters, body.recordings_search_token).newest_id
    found = positions_of(call.connection, body.filters, call.viewer, newest_id)
    return select_all(call.archive, call.viewer, found)


def _pinned(call: Call, filters: RecordingFilters, token: str) -> Pinned:
    """What a token of a search with these filters holds, in whichever order it searched."""
    wanted = RecordingSearch(**msgspec.structs.asdict(filters))
    try:
        return read(call.signing_key, call.viewer, wanted, token)
    except BadRequest:
        wanted.start_time_direction = "ASC"
        return read(call.signing_key, call.viewer, wanted, token)


def _metadata(body: Selection) -> dict[str, Any]:
    """The metadata of the order in the ledger. Recordings that were named have rows of their own."""
    metadata = changed_fields(body)
    for name in ("interactionIds", "recordingsSearchToken"):
        metadata.pop(name, None)
    return metadata if body.filters is None else metadata | {"filters": changed_fields(body.filters)}
