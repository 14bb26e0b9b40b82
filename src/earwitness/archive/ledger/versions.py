"""All versions of a recording, or of anything else: what each action replaced, and what there is now."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from earwitness.archive.database.in_list import among
from earwitness.archive.ledger.changed import ABSENT
from earwitness.archive.ledger.entity_states import ENTITY_ROWS
from earwitness.archive.ledger.recording_parts import right_of
from earwitness.archive.ledger.tree.hashing import split_hashes
from earwitness.archive.schema.ledger import audit_changes
from earwitness.archive.schema.work import audit_headers, audit_rows
from earwitness.kernel.rights import Right

RECORDING = "Recording"


@dataclass(frozen=True, slots=True)
class Step:
    """One part that one row of the ledger changed; `next_row_id` is the row that changed it next, if any."""

    row_id: int
    audit_header_id: int
    inserted_at: int
    username: str
    part: str
    before_digest: bytes | None
    after_digest: bytes | None
    next_row_id: int | None


@dataclass(frozen=True, slots=True)
class Version:
    """What a step replaced, and by what. None stands for what was not there, or is not any more."""

    step: Step
    before: Any
    after: Any


def right_for(entity_name: str, part: str) -> Right:
    """The right that shows a part today."""
    return right_of(part) if entity_name == RECORDING else ENTITY_ROWS[entity_name].right


def steps_of(connection: Connection, entity_name: str, entity_id: int) -> list[Step]:
    """All that changed one thing, oldest first, without the values."""
    rows = connection.execute(
        _ROWS.where(
            audit_rows.c.parent_entity_name == entity_name, audit_rows.c.parent_entity_id == entity_id
        ).order_by(audit_rows.c.id)
    ).all()
    next_of: dict[str, int] = {}
    steps: list[Step] = []
    for row in reversed(rows):
        steps += list(_steps(row, next_of))[::-1]
        next_of |= dict.fromkeys(row.parts, row.id)
    return steps[::-1]


def versions_of(connection: Connection, steps: Sequence[Step], now: Mapping[str, Any]) -> Iterator[Version]:
    """The values of some steps; `now` has those that are there now, by part."""
    ids = {one.row_id for one in steps} | {one.next_row_id for one in steps if one.next_row_id is not None}
    rows = connection.execute(_BEFORE.where(among(audit_changes.c.audit_row_id, sorted(ids))))
    before = {row.audit_row_id: row.before for row in rows}
    for step in steps:
        after = now if step.next_row_id is None else before[step.next_row_id]
        yield Version(step, before[step.row_id].get(step.part), after.get(step.part))


_ROWS = (
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
)
_BEFORE = select(audit_changes.c.audit_row_id, audit_changes.c.before)


def _steps(row: Any, next_of: Mapping[str, int]) -> Iterator[Step]:
    sides = zip(row.parts, split_hashes(row.before_digests), split_hashes(row.after_digests), strict=True)
    for part, before, after in sides:
        yield Step(
            row_id=row.id,
            audit_header_id=row.audit_header_id,
            inserted_at=row.inserted_at,
            username=row.username,
            part=part,
            before_digest=None if before == ABSENT else before,
            after_digest=None if after == ABSENT else after,
            next_row_id=next_of.get(part),
        )
