"""The history of a recording, or of anything else: POST /ledger/history. What was replaced, and by what."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from earwitness.archive.access.viewer import Viewer
from earwitness.archive.access.visible_recordings import visible_position
from earwitness.archive.database.in_list import among
from earwitness.archive.ledger.changed import ABSENT
from earwitness.archive.ledger.entity_states import ENTITY_ROWS, part_of, read_states
from earwitness.archive.ledger.recording_parts import read_parts, right_of
from earwitness.archive.ledger.tree.hashing import split_hashes
from earwitness.archive.schema.ledger import audit_changes
from earwitness.archive.schema.work import audit_headers, audit_rows
from earwitness.kernel.clock import format_ms
from earwitness.kernel.errors import BadRequest, Fault, Forbidden, NotFound
from earwitness.kernel.rights import Right
from earwitness.kernel.wire import Id, MomentText, Page, PageSize, Wire, Word
from earwitness.operations import operations
from earwitness.operations.audit_subjects import by_recording_id
from earwitness.operations.operations import Answer, Audit, Call

_PAGE_SIZE = 100


class HistorySearch(Wire):
    """A recording by its id, or anything else by its name in the ledger and its id."""

    recording_id: Id | None = None
    entity_name: Word | None = None
    entity_id: Id | None = None
    page: Page | None = None
    page_size: PageSize | None = None


class Replaced(Wire):
    """What an action replaced of one part. Where it is withheld, its sides are digests: `{"sha256": …}`."""

    audit_header_id: int
    inserted_at: MomentText
    username: str
    part: str
    before: Any
    after: Any
    withheld: bool


@dataclass(frozen=True, slots=True)
class _Change:
    """One part of one row of the ledger, and the row of the next change of that part, if there is one."""

    row: Any
    part: str
    next_row_id: int | None


@operations.read(
    "/ledger/history",
    right=Right.LEDGER_VIEW,
    audit=Audit("Get history", by_recording_id),
    refuses=(NotFound,),
)
def get_history(call: Call, body: HistorySearch) -> Answer[list[Replaced]]:
    """Read every version of a recording, or of anything else: what replaced what, and who did it.

    What you may not see today is withheld: then there are digests in its place.
    """
    name, id_ = _subject(body)
    now = _now(call.connection, call.viewer, name, id_)
    changes = list(_changes(call.connection, name, id_))
    size = body.page_size or _PAGE_SIZE
    first = ((body.page or 1) - 1) * size
    page = changes[first : first + size]
    before = _before(call.connection, page)
    shown = [_shown(one, before, now, _right(name, one.part), call.viewer) for one in page]
    return Answer(shown, headers={"X-Total-Count": str(len(changes))})


def _subject(body: HistorySearch) -> tuple[str, int]:
    """The name and the id of what is asked about. Raises BadRequest."""
    if body.recording_id is not None:
        if body.entity_name is not None or body.entity_id is not None:
            raise BadRequest.of(
                Fault("recordingId", "expected either recordingId, or entityName and entityId")
            )
        return "Recording", body.recording_id
    if body.entity_id is None or body.entity_name is None:
        missing = "entityId" if body.entity_name is not None else "recordingId"
        raise BadRequest.of(Fault(missing, "required: expected recordingId, or entityName and entityId"))
    if body.entity_name not in ENTITY_ROWS:
        raise BadRequest.of(Fault("entityName", f"expected one of {', '.join(ENTITY_ROWS)}"))
    return body.entity_name, body.entity_id


def _now(connection: Connection, viewer: Viewer, name: str, id_: int) -> Mapping[str, Any]:
    """What there is now, by parts. Raises NotFound, and Forbidden for what the viewer may not see."""
    if name == "Recording":
        position = visible_position(connection, viewer, id_)
        return read_parts(connection, [position])[position]
    viewer.require(ENTITY_ROWS[name].right)
    if viewer.policies:
        raise Forbidden("Only a user without access policies can read the history of what is no recording.")
    return {part_of(name): state for state in read_states(connection, name, [id_]).values()}


def _right(name: str, part: str) -> Right:
    return right_of(part) if name == "Recording" else ENTITY_ROWS[name].right


def _changes(connection: Connection, name: str, id_: int) -> Iterator[_Change]:
    """All changes, oldest first, without what they replaced."""
    rows = connection.execute(
        select(
            audit_rows.c.id,
            audit_rows.c.audit_header_id,
            audit_headers.c.inserted_at,
            audit_headers.c.username,
            audit_changes.c.parts,
            audit_changes.c.before_digests,
            audit_changes.c.after_digests,
        )
        .join(audit_changes, audit_changes.c.audit_row_id == audit_rows.c.id)
        .join(audit_headers, audit_headers.c.id == audit_rows.c.audit_header_id)
        .where(audit_rows.c.parent_entity_name == name, audit_rows.c.parent_entity_id == id_)
        .order_by(audit_rows.c.id)
    ).all()
    next_of: dict[str, int] = {}
    nexts: list[dict[str, int | None]] = []
    for row in reversed(rows):
        nexts.append({part: next_of.get(part) for part in row.parts})
        next_of |= dict.fromkeys(row.parts, row.id)
    for row, its_nexts in zip(rows, reversed(nexts), strict=True):
        for part in row.parts:
            yield _Change(row, part, its_nexts[part])


def _before(connection: Connection, page: Sequence[_Change]) -> Mapping[int, Mapping[str, Any]]:
    """What the rows of a page replaced, and those that follow them."""
    ids: Iterable[int | None] = {one.row.id for one in page} | {one.next_row_id for one in page}
    listed = sorted(one for one in ids if one is not None)
    rows = select(audit_changes.c.audit_row_id, audit_changes.c.before)
    these = rows.where(among(audit_changes.c.audit_row_id, listed))
    return {row.audit_row_id: row.before for row in connection.execute(these)}


def _shown(
    change: _Change,
    before: Mapping[int, Mapping[str, Any]],
    now: Mapping[str, Any],
    right: Right,
    viewer: Viewer,
) -> Replaced:
    row, part = change.row, change.part
    withheld = not viewer.may(right)
    if withheld:
        sides = _digest(row.parts, row.before_digests, part), _digest(row.parts, row.after_digests, part)
    else:
        after = now if change.next_row_id is None else before[change.next_row_id]
        sides = before[row.id].get(part), after.get(part)
    return Replaced(
        audit_header_id=row.audit_header_id,
        inserted_at=format_ms(row.inserted_at),
        username=row.username,
        part=part,
        before=sides[0],
        after=sides[1],
        withheld=withheld,
    )


def _digest(parts: Sequence[str], digests: bytes, part: str) -> dict[str, str] | None:
    found = split_hashes(digests)[parts.index(part)]
    return None if found == ABSENT else {"sha256": found.hex()}
