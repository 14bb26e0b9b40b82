"""The feed of changes: GET /client/changes. A copy that reads it misses no change and no destruction."""

from dataclasses import dataclass
from time import monotonic
from typing import Annotated

import msgspec
from anyio import to_thread
from litestar import Response
from msgspec import Meta

from earwitness.api.changes.waiting import Waits
from earwitness.archive.access.viewer import Viewer
from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.ledger.feed.kinds import Kind
from earwitness.archive.ledger.feed.reading import FeedChange, FeedPage, changes_after
from earwitness.archive.upkeep.ledgers.feed_numbers import number_what_is_committed
from earwitness.http import decode
from earwitness.http.authenticate import archive_of, claims_of, viewer_of
from earwitness.http.installation import Installation
from earwitness.http.openapi.operations import Describes
from earwitness.http.operations import AnyRequest
from earwitness.http.routes import signed_in
from earwitness.kernel import deadlines
from earwitness.kernel.clock import format_ms
from earwitness.kernel.errors import Gone
from earwitness.kernel.rights import Right
from earwitness.kernel.strict_json import MAX_INTEGER
from earwitness.kernel.wire import MomentText, Wire, convert
from earwitness.operations.running import allowed

JSON, NDJSON = "application/json", "application/x-ndjson"


class ChangesQuery(Wire):
    """Which changes: those after a place, at most so many, and how long to wait while there are none."""

    since: Annotated[int, Meta(ge=0, le=MAX_INTEGER)] = 0
    limit: Annotated[int, Meta(ge=1, le=1000)] = 1000
    wait: Annotated[int, Meta(ge=0, le=60)] = 0


class Change(Wire):
    """A change of a recording. `sequence` rises in the order of commits."""

    sequence: int
    kind: Kind
    interaction_id: int
    third_party_id: str
    changed_at: MomentText


class FeedEnd(Wire):
    """Where to go on, and whether there is nothing more now. It is the last line of lines."""

    next: int
    complete: bool


class Changes(FeedEnd):
    """Changes, oldest first."""

    changes: list[Change]


@dataclass(frozen=True, slots=True)
class _Read:
    archive: Archive
    viewer: Viewer
    asked: ChangesQuery
    page: FeedPage


@signed_in(
    "/client/changes",
    "GET",
    right=Right.RECORDING_VIEW,
    describes=Describes(ChangesQuery, Changes, answered_as=(JSON, NDJSON), refuses=(Gone,)),
)
async def get_changes(request: AnyRequest) -> Response[bytes]:
    """Get the changes of the recordings that you may see, in the order of commits.

    `since` is the `next` of the answer before. What was answered before this call is among the changes. With
    `since=0` each recording that you may see now is `created`. While there is no change, the answer waits for
    one, for up to `wait` seconds. With `Accept: application/x-ndjson` each change is a line, and `next` and
    `complete` are the last one.
    """
    waits: Waits = request.app.state.waits
    claims_of(request.app.state.installation, request)  # without a token, nothing waits for a place
    until: float | None = None
    while True:
        async with request.app.state.feed_calls, request.app.state.installation.fair_queue.take():
            read = await to_thread.run_sync(_read, request)
        page, asked = read.page, read.asked
        if until is None:
            until = monotonic() + asked.wait
            deadlines.wait_for(asked.wait)
        left = until - monotonic()
        if left > 0 and page.complete and not page.changes:
            told = await waits.wait(request, read.archive, read.viewer, page.next, asked.limit, left)
            if told is None:
                continue
            page = told
        return _encoded(page, as_lines=_wants_lines(request))


def _read(request: AnyRequest) -> _Read:
    """Read the feed as the user that asks may see it now. The rights are looked up in the same moment."""
    installation: Installation = request.app.state.installation
    claims = claims_of(installation, request)
    archive = archive_of(installation, claims)
    number_what_is_committed(archive)
    with archive.read(allowed()) as connection:
        viewer = viewer_of(connection, installation, request, claims)
        viewer.require(Right.RECORDING_VIEW)
        asked = convert(decode.parse(request, b"", from_query=True), ChangesQuery)
        return _Read(archive, viewer, asked, changes_after(connection, viewer, asked.since, asked.limit))


def _wants_lines(request: AnyRequest) -> bool:
    named = request.headers.get("accept", "").split(",")
    return any(one.partition(";")[0].strip().lower() == NDJSON for one in named)


def _encoded(page: FeedPage, *, as_lines: bool) -> Response[bytes]:
    changes = [_shown(one) for one in page.changes]
    if not as_lines:
        body = msgspec.json.encode(Changes(changes=changes, next=page.next, complete=page.complete))
        return Response(body, media_type=JSON)
    end = FeedEnd(next=page.next, complete=page.complete)
    return Response(msgspec.json.Encoder().encode_lines([*changes, end]), media_type=NDJSON)


def _shown(change: FeedChange) -> Change:
    return Change(
        sequence=change.sequence,
        kind=change.kind,
        interaction_id=change.interaction_id,
        third_party_id=change.third_party_id,
        changed_at=format_ms(change.changed_at),
    )
