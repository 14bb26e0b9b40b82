"""The tiles of the log, and its leaves in bundles, under the paths that C2SP's tlog-tiles defines."""

from typing import Any

from anyio import to_thread
from litestar import Response

from earwitness.archive.access.viewer import Viewer
from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.ledger.integrating import LOG, read_tile
from earwitness.archive.ledger.notes.checkpoint import Checkpoint
from earwitness.archive.ledger.proving import given_checkpoint, leaves_of
from earwitness.archive.ledger.tree.tiles import (
    TILE_WIDTH,
    Tile,
    checked_tile,
    read_index_path,
    read_level,
    width_in_tree,
    write_bundle,
)
from earwitness.http.authenticate import authenticate
from earwitness.http.openapi.operations import Describes
from earwitness.http.operations import AnyRequest
from earwitness.http.routes import signed_in
from earwitness.kernel.errors import Forbidden, NotFound
from earwitness.kernel.rights import Right

_TILE = "/ledger/tile/{path:path}"
_ENTRIES = "entries"
_BYTES = "application/octet-stream"
_FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable"}


@signed_in(
    _TILE,
    "GET",
    right=Right.LEDGER_VIEW,
    describes=Describes(gives=bytes, answered_as=(_BYTES,), refuses=(NotFound, Forbidden)),
)
async def get_tile(request: AnyRequest) -> Response[Any]:
    """Get hashes of the log, `LEVEL/PATH`, or its leaves, `entries/PATH`, as C2SP's tlog-tiles defines them.

    For users without access policies, since leaves show the routes and times of everything. What a path
    stands for never changes, and is there as soon as a checkpoint has it.
    """
    return await to_thread.run_sync(_tile, request)


def _tile(request: AnyRequest) -> Response[Any]:
    archive, viewer = authenticate(request.app.state.installation, request)
    _check(viewer)
    kind, _, path = str(request.path_params["path"]).lstrip("/").partition("/")
    content = _content(archive, kind, path)
    return Response(content, headers=_FOR_EVER, media_type=_BYTES)


def _check(viewer: Viewer) -> None:
    viewer.require(Right.LEDGER_VIEW)
    if viewer.policies:
        raise Forbidden("Only a user without access policies can read the tiles of the log.")


def _content(archive: Archive, kind: str, path: str) -> bytes:
    try:
        level = 0 if kind == _ENTRIES else read_level(kind)
        index, width = read_index_path(path)
    except ValueError as error:
        raise NotFound(f"There is no such tile: {error}") from None
    with archive.read() as connection:
        newest = given_checkpoint(connection)
        size = Checkpoint.read(newest.text).size if newest else 0
        if width > width_in_tree(size, level, index):
            raise NotFound(f"The newest checkpoint has {size} actions, and not this tile.")
        if kind == _ENTRIES:
            return write_bundle(leaves_of(connection, index * TILE_WIDTH, width))
        tile = Tile(level, index, width)
        return checked_tile(tile, read_tile(connection, LOG, tile))
