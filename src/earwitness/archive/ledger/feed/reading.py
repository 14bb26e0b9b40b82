"""Reading the feed: the changes of recordings after a place in it, as one viewer may be told them.

A place is the number of a change. Numbers are given in the order of commits, so nothing appears later at a
place that was read. Who may see a recording is decided by what the recording is now, and by what each change
kept of what it was before (`archive/access/seen_by.py`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, case, literal, select

from earwitness.archive.access.seen_by import SeenBy
from earwitness.archive.access.viewer import Viewer
from earwitness.archive.access.visibility import could_see, visible_to
from earwitness.archive.database.in_list import among
from earwitness.archive.ledger.changed import ABSENT
from earwitness.archive.ledger.feed.beginning import check_has_begun
from earwitness.archive.ledger.feed.kinds import Kind, kind_of
from earwitness.archive.ledger.feed.own_access import has_changed
from earwitness.archive.ledger.feed.places import Place, next_of, place_of
from earwitness.archive.ledger.integrating import newest_sequence, restarted_at
from earwitness.archive.ledger.tree.hashing import split_hashes
from earwitness.archive.schema.ledger import audit_changes
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.schema.work import audit_headers, audit_rows
from earwitness.kernel.clock import MS_PER_DAY, now_ms
from earwitness.kernel.errors import Gone

_AT_ONCE = 1_000
_MOST_READ = 20_000
"""So many changes are read for one answer, of which the viewer may be told few or none."""

KEPT_DAYS = 90
"""For so long a copy is told of what was destroyed. One that did not ask for longer has to begin anew."""


@dataclass(frozen=True, slots=True)
class FeedChange:
    """One change of a recording, as the feed tells it."""

    sequence: int
    kind: Kind
    interaction_id: int
    third_party_id: str
    changed_at: int


@dataclass(slots=True)
class FeedPage:
    """Changes after a place in the feed, the place to go on from, and whether there is nothing after that."""

    next: int
    changes: list[FeedChange] = field(default_factory=list)
    complete: bool = False


@dataclass(frozen=True, slots=True)
class _Recording:
    third_party_id: str
    is_visible: bool


def changes_after(connection: Connection, viewer: Viewer, since: int, limit: int) -> FeedPage:
    """The first changes after a place. From the beginning on, each recording is only said to be there.

    Raises BadRequest for a place that there is not, Gone if a copy has to begin anew, and Unavailable until
    the log has all that there is.
    """
    check_has_begun(connection)
    place = place_of(connection, viewer, since)
    if 0 < place.sequence < restarted_at(connection) and not place.begins:
        raise resync_needed("An older copy of the archive was restored since then.")
    if place.sequence and has_changed(connection, viewer, place.access):
        raise resync_needed("What you may see has changed since then.")
    page = _read(connection, viewer, place, limit)
    begins = place.begins and not page.complete
    page.next = next_of(connection, viewer, page.next, begins=begins)
    return page


def resync_needed(why: str) -> Gone:
    """The problem of a copy that cannot be kept up to date from its place."""
    return Gone(f"{why} Begin anew with since=0, and remove what is not in it.", code="resync-needed")


def _read(connection: Connection, viewer: Viewer, place: Place, limit: int) -> FeedPage:
    newest = newest_sequence(connection)
    page = FeedPage(place.sequence)
    created: set[int] = set()
    oldest_kept = now_ms() - KEPT_DAYS * MS_PER_DAY
    for rows in _chunks(connection, place.sequence):
        known = _recordings(connection, viewer, sorted({row.entity_id for row in rows}))
        for row in rows:
            page.next = row.sequence
            change = _told(connection, viewer, row, known.get(row.entity_id))
            if change is None or (not place.sequence and not _is_first(change, created)):
                continue
            if change.kind == "destroyed" and change.changed_at < oldest_kept:
                if place.begins:
                    continue  # the copy never had it
                raise resync_needed(f"A recording was destroyed since then, more than {KEPT_DAYS} days ago.")
            page.changes.append(change)
            if len(page.changes) == limit:
                page.complete = page.next == newest
                return page
        if len(rows) < _AT_ONCE:  # what comes after are changes of other things
            page.next, page.complete = newest, True
    return page


def _is_first(change: FeedChange, created: set[int]) -> bool:
    """Whether a change is the first thing that a new copy has to know of a recording, which is there."""
    if change.kind != "created" or change.interaction_id in created:
        return False
    created.add(change.interaction_id)
    return True


def _chunks(connection: Connection, since: int) -> Iterator[Sequence[Any]]:
    for _ in range(_MOST_READ // _AT_ONCE):
        rows = connection.execute(_AFTER, {"since": since}).all()
        yield rows
        if len(rows) < _AT_ONCE:
            return
        since = rows[-1].sequence


def _recordings(connection: Connection, viewer: Viewer, ids: Sequence[int]) -> dict[int, _Recording]:
    """The recordings that there are, and whether the viewer may see each; by interactionId."""
    seen = case((visible_to(viewer), literal(1)), else_=literal(0))
    columns = recordings.c.interaction_id, recordings.c.third_party_id, seen
    rows = connection.execute(select(*columns).where(among(recordings.c.interaction_id, ids)))
    return {id_: _Recording(third_party_id, bool(visible)) for id_, third_party_id, visible in rows}


def _told(
    connection: Connection, viewer: Viewer, row: Any, recording: _Recording | None
) -> FeedChange | None:
    """What the viewer is told of a change; None for nothing."""
    then = None if row.seen_by is None else could_see(viewer, SeenBy.of_json(row.seen_by))
    if recording is None:
        return _of_destroyed(connection, row) if then else None
    kind = _kind(viewer, row, then, is_visible=recording.is_visible)
    if kind is None:
        return None
    return FeedChange(row.sequence, kind, row.entity_id, recording.third_party_id, row.inserted_at)


def _kind(viewer: Viewer, row: Any, then: bool | None, *, is_visible: bool) -> Kind | None:
    """`then` is whether the viewer could see it before the change; None if the change decided nothing."""
    if not is_visible:
        return "hidden" if then else None
    if then is False or _is_new(row):
        return "created"
    return kind_of(viewer, row.parts, _taken(row))


def _of_destroyed(connection: Connection, row: Any) -> FeedChange:
    """What is told of a recording that there is no more, and that the viewer could see before a change.

    A change before its destruction may have hidden it from the viewer: then nothing else tells of its end.
    """
    kind: Kind = "destroyed" if "source" in _taken(row) else "hidden"
    before = connection.scalars(_LAST_SOURCE, {"interaction_id": row.entity_id}).one()
    third_party_id = before["source"]["thirdPartyId"]
    return FeedChange(row.sequence, kind, row.entity_id, third_party_id, row.inserted_at)


def _is_new(row: Any) -> bool:
    """Whether the recording was taken in by this change: the source's data were not there before it."""
    sides = zip(row.parts, split_hashes(row.before_digests), strict=True)
    return any(name == "source" and before == ABSENT for name, before in sides)


def _taken(row: Any) -> set[str]:
    """The parts that are not there any more after a change."""
    sides = zip(row.parts, split_hashes(row.after_digests), strict=True)
    return {name for name, after in sides if after == ABSENT}


_AFTER = (
    select(
        audit_changes.c.audit_row_id,
        audit_changes.c.sequence,
        audit_changes.c.parts,
        audit_changes.c.before_digests,
        audit_changes.c.after_digests,
        audit_changes.c.seen_by,
        audit_rows.c.entity_id,
        audit_headers.c.inserted_at,
    )
    .select_from(audit_changes)
    .join(audit_rows, audit_rows.c.id == audit_changes.c.audit_row_id)
    .join(audit_headers, audit_headers.c.id == audit_rows.c.audit_header_id)
    .where(audit_changes.c.sequence > bindparam("since"), audit_rows.c.entity_name == "Recording")
    .order_by(audit_changes.c.sequence)
    .limit(_AT_ONCE)
)
# Its last change is its destruction, which replaced all parts.
_LAST_SOURCE = (
    select(audit_changes.c.before)
    .select_from(audit_changes)
    .join(audit_rows, audit_rows.c.id == audit_changes.c.audit_row_id)
    .where(
        audit_rows.c.parent_entity_name == "Recording",
        audit_rows.c.parent_entity_id == bindparam("interaction_id"),
    )
    .order_by(audit_rows.c.id.desc())
    .limit(1)
)
