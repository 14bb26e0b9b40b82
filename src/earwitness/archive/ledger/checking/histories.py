"""What the log says of one thing: the digest that the last action left of each of its parts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select

from earwitness.archive.database.in_list import among
from earwitness.archive.ledger.changed import ABSENT
from earwitness.archive.ledger.checking.differences import Difference, Named, Thing
from earwitness.archive.ledger.recording_digests import Digests
from earwitness.archive.ledger.tree.commitments import PARTS, comments_digest, part_digest, record_digest
from earwitness.archive.ledger.tree.hashing import split_hashes
from earwitness.archive.schema.ledger import audit_changes
from earwitness.archive.schema.work import audit_headers, audit_rows

_COMMENT = "comment/"


@dataclass(slots=True)
class History:
    """All changes of a thing, followed from the first to the last."""

    thing: Thing
    digests: dict[str, bytes] = field(default_factory=dict)
    """By the name of each part that is there after the last change; each comment is a part."""
    by: dict[str, Named] = field(default_factory=dict)
    """The action that changed a part last."""
    differences: list[Difference] = field(default_factory=list)

    @property
    def last(self) -> Named | None:
        """The action that changed any part last."""
        return max(self.by.values(), key=lambda one: one.header, default=None)

    def by_part(self) -> Digests:
        """The digests of a recording's parts, of which `comments` is one."""
        found: Digests = {part: self.digests[part] for part in PARTS if part in self.digests}
        comments = comments_digest(
            {
                int(name.removeprefix(_COMMENT)): digest
                for name, digest in self.digests.items()
                if name.startswith(_COMMENT)
            }
        )
        return found if comments is None else {**found, "comments": comments}


def histories_of(
    connection: Connection, things: Sequence[Thing], salts: Mapping[int, bytes]
) -> dict[int, History]:
    """The history of each of these things, which are of one kind, by id.

    What an action replaced has to be what the one before it left: that is compared here, and with its digest
    where the thing's salt is given.
    """
    found = {thing.entity_id or 0: History(thing) for thing in things}
    if found:
        names = {thing.entity_name for thing in things}
        for row in connection.execute(_CHANGES.where(_of(names.pop(), list(found)))):
            _follow(found[row.parent_entity_id], row, salts.get(row.parent_entity_id))
    return found


def _of(entity_name: str, ids: Sequence[int]) -> Any:
    rows = audit_rows.c
    return (rows.parent_entity_name == entity_name) & among(rows.parent_entity_id, ids)


_CHANGES = (
    select(
        audit_rows.c.parent_entity_id,
        audit_rows.c.audit_header_id,
        audit_headers.c.inserted_at,
        audit_headers.c.username,
        audit_changes.c.parts,
        audit_changes.c.before,
        audit_changes.c.before_digests,
        audit_changes.c.after_digests,
        audit_changes.c.record_digest,
    )
    .join(audit_changes, audit_changes.c.audit_row_id == audit_rows.c.id)
    .join(audit_headers, audit_headers.c.id == audit_rows.c.audit_header_id)
    .order_by(audit_rows.c.id)
)


def _follow(history: History, row: Any, salt: bytes | None) -> None:
    action = Named(row.audit_header_id, row.inserted_at, row.username)

    def note(name: str, difference: str) -> None:
        history.differences.append(Difference(history.thing, name, difference, action))

    before, after = split_hashes(row.before_digests), split_hashes(row.after_digests)
    if not len(row.parts) == len(before) == len(after):
        note("changes", "What this action changed is not stored as it was written.")
        return
    for part, old, new in zip(row.parts, before, after, strict=True):
        if old != history.digests.get(part, ABSENT):
            note(part, "It was changed before this action without any action.")
        if salt is not None and _digest(salt, part, row.before) != old:
            note(part, "What this action replaced is not stored as it was.")
        history.by[part] = action
        if new == ABSENT:
            history.digests.pop(part, None)
        else:
            history.digests[part] = new
    if row.record_digest is not None and row.record_digest != record_digest(history.by_part()):
        note("recordDigest", "It is not that of the parts which this action left.")


def _digest(salt: bytes, part: str, before: Mapping[str, Any]) -> bytes:
    return part_digest(salt, part, before[part]) if part in before else ABSENT


def differing_parts(history: History, salt: bytes, now: Mapping[str, Any]) -> Iterator[Difference]:
    """Hold the values of a thing, as they are stored now, against its history."""
    for part in sorted(history.digests.keys() | now.keys()):
        logged = history.digests.get(part)
        by = history.by.get(part)
        if part not in now:
            yield Difference(history.thing, part, "The log has it, and it is not there any more.", by)
        elif logged is None:
            yield Difference(history.thing, part, "It is there, and the log does not have it.", by)
        elif part_digest(salt, part, now[part]) != logged:
            yield Difference(history.thing, part, "It is not what the log has.", by)


def ids_in_log(connection: Connection, entity_name: str, first: int, most: int) -> Sequence[int]:
    """The ids of things of a kind that the log has changes of, from `first` on."""
    rows = audit_rows.c
    changed = select(audit_changes.c.audit_row_id).where(audit_changes.c.audit_row_id == rows.id)
    these = (rows.parent_entity_name == entity_name) & (rows.parent_entity_id >= first)
    ids = select(rows.parent_entity_id).distinct().where(these, changed.exists())
    return connection.scalars(ids.order_by(rows.parent_entity_id).limit(most)).all()
