"""Reconciliation: POST /client/reconciliation. A copy compares each day by a count and a hash."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from earwitness.archive.access.viewer import Viewer
from earwitness.archive.database.in_list import POSITIONS, among, as_list
from earwitness.archive.database.timeline import moment_of
from earwitness.archive.ledger.feed.beginning import check_has_begun
from earwitness.archive.ledger.feed.record_versions import RecordVersions
from earwitness.archive.schema.ledger import recording_digests
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.search.filters import RecordingFilters
from earwitness.archive.search.search import positions_of
from earwitness.archive.search.times_of_day import zone_of
from earwitness.kernel.errors import Unavailable
from earwitness.kernel.rights import Right
from earwitness.kernel.wire import Wire
from earwitness.operations import operations
from earwitness.operations.operations import Call

_AT_ONCE = 5_000


class ReconciliationRequest(RecordingFilters):
    """Which recordings, and in which time zone (IANA, UTC by default) they are of a day."""

    time_zone: str | None = None


class ReconciledDay(Wire):
    """How many recordings start on a day, and the SHA-256 over a line for each of them."""

    day: str
    count: int
    sha256: str


@operations.read("/client/reconciliation", right=Right.RECORDING_VIEW, refuses=(Unavailable,))
def reconcile(call: Call, body: ReconciliationRequest) -> list[ReconciledDay]:
    """Get a count and a hash of the recordings of each day that has any, to compare with those of a copy.

    The hash is over the lines `interactionId:recordVersion` and a line feed, by ascending id. `recordVersion`
    is in the `metadata` of the detail.
    """
    check_has_begun(call.connection)
    zone = zone_of("UTC" if body.time_zone is None else body.time_zone, "timeZone")
    found = positions_of(call.connection, body, call.viewer, at_once=_AT_ONCE)
    return list(_days(_versions(call.connection, call.viewer, found), zone))


def _versions(
    connection: Connection, viewer: Viewer, found: Iterator[Sequence[int]]
) -> Iterator[tuple[int, int, str]]:
    """The position, the id and the version of each recording, in the order of their starts."""
    versions = RecordVersions(viewer)
    for positions in found:
        rows = connection.execute(_DIGESTS, {"positions": as_list(positions)})
        for position, interaction_id, digests in rows:
            yield position, interaction_id, versions.of(digests)


_DIGESTS = (
    select(recordings.c.position, recordings.c.interaction_id, recording_digests.c.digests)
    .join(recording_digests, recording_digests.c.position == recordings.c.position)
    .where(among(recordings.c.position, POSITIONS))
    .order_by(recordings.c.position)
)


def _days(versions: Iterator[tuple[int, int, str]], zone: ZoneInfo) -> Iterator[ReconciledDay]:
    """The days, in order. Where clocks are put back over midnight, a day goes on after the next has begun."""
    open_days: dict[date, list[tuple[int, str]]] = {}
    for position, interaction_id, version in versions:
        day = datetime.fromtimestamp(moment_of(position) / 1000, zone).date()
        if day not in open_days:
            for earlier in [one for one in sorted(open_days) if one < day - timedelta(days=1)]:
                yield _hashed(earlier, open_days.pop(earlier))
            open_days[day] = []
        open_days[day].append((interaction_id, version))
    for earlier in sorted(open_days):
        yield _hashed(earlier, open_days[earlier])


def _hashed(day: date, recorded: list[tuple[int, str]]) -> ReconciledDay:
    lines = "".join(f"{interaction_id}:{version}\n" for interaction_id, version in sorted(recorded))
    return ReconciledDay(day=day.isoformat(), count=len(recorded), sha256=sha256(lines.encode()).hexdigest())
