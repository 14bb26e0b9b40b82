"""The history of a recording, or of anything else: POST /ledger/history. What was replaced, and by what."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from earwitness.archive.access.viewer import Viewer
from earwitness.archive.access.visible_recordings import visible_position
from earwitness.archive.ledger.entity_states import ENTITY_ROWS, part_of, read_states
from earwitness.archive.ledger.recording_parts import read_parts
from earwitness.archive.ledger.versions import RECORDING, Version, right_for, steps_of, versions_of
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
    steps = steps_of(call.connection, name, id_)
    size = body.page_size or _PAGE_SIZE
    first = ((body.page or 1) - 1) * size
    versions = versions_of(call.connection, steps[first : first + size], now)
    shown = [_shown(one, call.viewer.may(right_for(name, one.step.part))) for one in versions]
    return Answer(shown, headers={"X-Total-Count": str(len(steps))})


def _subject(body: HistorySearch) -> tuple[str, int]:
    """The name and the id of what is asked about. Raises BadRequest."""
    if body.recording_id is not None:
        if body.entity_name is not None or body.entity_id is not None:
            raise BadRequest.of(
                Fault("recordingId", "expected either recordingId, or entityName and entityId")
            )
        return RECORDING, body.recording_id
    if body.entity_id is None or body.entity_name is None:
        missing = "entityId" if body.entity_name is not None else "recordingId"
        raise BadRequest.of(Fault(missing, "required: expected recordingId, or entityName and entityId"))
    if body.entity_name not in ENTITY_ROWS:
        raise BadRequest.of(Fault("entityName", f"expected one of {', '.join(ENTITY_ROWS)}"))
    return body.entity_name, body.entity_id


def _now(connection: Connection, viewer: Viewer, name: str, id_: int) -> Mapping[str, Any]:
    """What there is now, by parts. Raises NotFound, and Forbidden for what the viewer may not see."""
    if name == RECORDING:
        position = visible_position(connection, viewer, id_)
        return read_parts(connection, [position])[position]
    viewer.require(ENTITY_ROWS[name].right)
    if viewer.policies:
        raise Forbidden("Only a user without access policies can read the history of what is no recording.")
    return {part_of(name): state for state in read_states(connection, name, [id_]).values()}


def _shown(version: Version, is_seen: bool) -> Replaced:
    step = version.step
    sides = (version.before, version.after)
    if not is_seen:
        sides = (_digest(step.before_digest), _digest(step.after_digest))
    return Replaced(
        audit_header_id=step.audit_header_id,
        inserted_at=format_ms(step.inserted_at),
        username=step.username,
        part=step.part,
        before=sides[0],
        after=sides[1],
        withheld=not is_seen,
    )


def _digest(digest: bytes | None) -> dict[str, str] | None:
    return None if digest is None else {"sha256": digest.hex()}
