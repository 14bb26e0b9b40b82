"""Administration: playlists, recordings put together to be listened to."""

from earwitness.api.administration import collection_changes
from earwitness.archive.recordings.collections import (
    PLAYLISTS,
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
    "/admin/playlist", method="GET", right=(Right.PLAYLIST_VIEW, Right.PLAYLIST_EDIT), pends=True
)
def list_playlists(call: Call) -> Answer[list[Collection]]:
    """List the playlists; `total` counts the recordings that you may see."""
    return collection_changes.every(call, PLAYLISTS)


@operations.read(
    "/admin/playlist/{id}", method="GET", right=(Right.PLAYLIST_VIEW, Right.PLAYLIST_EDIT), pends=True
)
def get_playlist(call: Call) -> Answer[WholeCollection]:
    """Get a playlist, and the recordings in it that you may see."""
    return collection_changes.whole(call, PLAYLISTS)


@operations.read(
    "/admin/playlist/{id}/recording",
    method="GET",
    right=(Right.PLAYLIST_VIEW, Right.PLAYLIST_EDIT),
    pends=True,
)
def list_playlist_recordings(call: Call, query: WantedMembers) -> Answer[list[Member]]:
    """List the recordings in a playlist that you may see, by start; the total is in `X-Total-Count`."""
    return collection_changes.members(call, PLAYLISTS, query)


@operations.write(
    "/admin/playlist",
    right=Right.PLAYLIST_EDIT,
    status=201,
    audit=Audit("Add playlist", by_interaction_ids),
)
def add_playlist(call: Call, body: CollectionToAdd) -> CollectionId:
    """Put recordings into a new playlist."""
    return collection_changes.add(call, PLAYLISTS, body)


def _prepare_change(call: Call, body: CollectionChange) -> collection_changes.Prepared:
    return collection_changes.prepare_change(call, PLAYLISTS, body)


def _changed(call: Call, _body: CollectionChange) -> WholeCollection:
    return get_collection(call.connection, PLAYLISTS, call.viewer, call.id, ended=True)


@operations.write(
    "/admin/playlist/{id}",
    method="PUT",
    right=Right.PLAYLIST_EDIT,
    audit=Audit("Change playlist", by_interaction_ids),
    prepare=_prepare_change,
    answer=_changed,
    pends=True,
)
def change_playlist(call: Call, body: CollectionChange) -> int | None:
    """Rename a playlist, or replace the recordings in it; those that you may not see stay.

    `interactionIds` replaces them all, `addInteractionIds` and `removeInteractionIds` change some. More than
    1,000 are taken out by a job: then `X-Pending` has its id.
    """
    return collection_changes.change(call, PLAYLISTS, body)


def _count(call: Call) -> int:
    return collection_changes.count(call, PLAYLISTS)


@operations.write(
    "/admin/playlist/{id}", method="DELETE", right=Right.PLAYLIST_EDIT, prepare=_count, pends=True
)
def end_playlist(call: Call) -> Answer[CollectionId]:
    """End a playlist.

    None of its recordings is in it any more. The audit log keeps it. It ends at once. Beyond
    1,000 recordings a job completes the audit log: then `X-Pending` has its id.
    """
    return collection_changes.end(call, PLAYLISTS)


ROUTES = [
    list_playlists,
    get_playlist,
    list_playlist_recordings,
    add_playlist,
    change_playlist,
    end_playlist,
]
