"""Administration: playlists, recordings put together to be listened to."""

from earwitness.archive.recordings.collections import (
    PLAYLISTS,
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


@operations.read("/admin/playlist", method="GET", right=(Right.PLAYLIST_VIEW, Right.PLAYLIST_EDIT))
def list_playlists(call: Call) -> list[Collection]:
    """List the playlists; `total` counts the recordings that you may see."""
    return list_collections(call.connection, PLAYLISTS, call.viewer)


@operations.read("/admin/playlist/{id}", method="GET", right=(Right.PLAYLIST_VIEW, Right.PLAYLIST_EDIT))
def get_playlist(call: Call) -> WholeCollection:
    """Get a playlist, and the recordings in it that you may see."""
    return get_collection(call.connection, PLAYLISTS, call.viewer, call.id)


@operations.write(
    "/admin/playlist",
    right=Right.PLAYLIST_EDIT,
    status=201,
    audit=Audit("Add playlist", by_interaction_ids),
)
def add_playlist(call: Call, body: CollectionToAdd) -> CollectionId:
    """Put recordings into a new playlist."""
    playlist_id = add_collection(call.connection, PLAYLISTS, body.name)
    listed = CollectionChange(interaction_ids=body.interaction_ids)
    call.entries.extend(change_collection(call.connection, PLAYLISTS, call.viewer, playlist_id, listed))
    return CollectionId(id=playlist_id)


@operations.write(
    "/admin/playlist/{id}",
    method="PUT",
    right=Right.PLAYLIST_EDIT,
    audit=Audit("Change playlist", by_interaction_ids),
)
def change_playlist(call: Call, body: CollectionChange) -> WholeCollection:
    """Rename a playlist, or replace the recordings in it; those that you may not see stay."""
    call.entries.extend(change_collection(call.connection, PLAYLISTS, call.viewer, call.id, body))
    return get_collection(call.connection, PLAYLISTS, call.viewer, call.id)


@operations.write("/admin/playlist/{id}", method="DELETE", right=Right.PLAYLIST_EDIT)
def end_playlist(call: Call) -> CollectionId:
    """End a playlist: none of its recordings is in it any more. The audit log keeps it."""
    call.entries.extend(end_collection(call.connection, PLAYLISTS, call.id))
    return CollectionId(id=call.id)


ROUTES = [list_playlists, get_playlist, add_playlist, change_playlist, end_playlist]
