"""Search recordings: POST /client/recording.search."""

from msgspec import UNSET, UnsetType

from earwitness.api.recordings.search_rows import Recording, recordings_at
from earwitness.api.recordings.search_token import Pinned, mint, pin, read
from earwitness.archive.recordings.collections import LEGAL_HOLDS
from earwitness.archive.search.filters import RecordingSearch
from earwitness.archive.search.search import DEFAULT_PAGE_SIZE, FoundPage, search
from earwitness.archive.selections.pending import pending_on
from earwitness.kernel.rights import Right
from earwitness.kernel.wire import Wire
from earwitness.operations import operations
from earwitness.operations.operations import Answer, Call, with_pending


class RecordingsPage(Wire):
    """A page of recordings and the exact total."""

    recordings: list[Recording]
    total: int
    page: int
    page_size: int
    recordings_search_token: str | UnsetType = UNSET


@operations.read("/client/recording.search", right=Right.RECORDING_VIEW, pends=True)
def search_recordings(call: Call, body: RecordingSearch) -> Answer[RecordingsPage]:
    """Search recordings."""
    return with_pending(page_of(call, body, *find(call, body)), pending_on_hold(call, body))


def pending_on_hold(call: Call, body: RecordingSearch) -> int | None:
    """The id of the job that changes the legal hold whose recordings are searched; None if there is none."""
    hold_id = body.legal_hold_id
    return None if hold_id is None else pending_on(call.connection, LEGAL_HOLDS, hold_id)


def find(call: Call, body: RecordingSearch) -> tuple[FoundPage, Pinned]:
    """Find the positions of a page. What was committed later than the token that was sent is left out."""
    if body.recordings_search_token is None:
        found = search(call.connection, body, call.viewer)
        return found, pin(found.newest_id)
    pinned = read(call.signing_key, call.viewer, body, body.recordings_search_token)
    return search(call.connection, body, call.viewer, pinned.newest_id, pinned.place), pinned


def page_of(call: Call, body: RecordingSearch, found: FoundPage, pinned: Pinned) -> RecordingsPage:
    """Read the recordings of the page that was found."""
    return RecordingsPage(
        recordings=recordings_at(call.connection, call.viewer, found.positions, found.query, found.reading),
        total=found.total,
        page=body.page or 1,
        page_size=body.page_size or DEFAULT_PAGE_SIZE,
        recordings_search_token=mint(call.signing_key, call.viewer, body, pinned, found.place),
    )
