"""Holds the digests that are kept of recordings, and the states of all else, against the tables."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, select

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.ledger.changed import ABSENT
from earwitness.archive.ledger.entity_states import ENTITY_ROWS, part_of, read_states
from earwitness.archive.ledger.recording_digests import unpacked
from earwitness.archive.ledger.recording_parts import Values, read_parts
from earwitness.archive.ledger.tree.commitments import (
    PARTS,
    Part,
    comments_digest,
    part_digest,
    record_digest,
)
from earwitness.archive.ledger.tree.hashing import split_hashes
from earwitness.archive.schema.ledger import audit_changes, entity_states, recording_digests
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.schema.work import audit_rows

RECORDING = "Recording"


def check_kept(archive: Archive) -> None:
    """What is kept is of what there is now, and the last row of each thing in the ledger says the same."""
    with archive.read() as connection:
        differences = [*_of_recordings(connection), *_of_entities(connection)]
    assert differences == []


def _of_recordings(connection: Connection) -> Iterator[str]:
    ids = {row.position: row.interaction_id for row in connection.execute(select(recordings))}
    kept = {row.position: row for row in connection.execute(select(recording_digests))}
    latest = _latest(connection)
    for position, values in read_parts(connection, list(ids)).items():
        name = f"recording {ids[position]}"
        if position not in kept:
            yield f"{name} has no digests"
            continue
        named, digests = _digests(kept[position].salt, values)
        stored = unpacked(kept[position].digests)
        yield from (f"{name}: {part}" for part in PARTS if digests.get(part) != stored.get(part))
        said = latest[RECORDING, ids[position]]
        if said.pop("record", None) != record_digest(digests):
            yield f"{name}: its last row has another record digest"
        yield from _unsaid(name, said, named)


def _of_entities(connection: Connection) -> Iterator[str]:
    kept = {(row.entity_name, row.entity_id): row for row in connection.execute(select(entity_states))}
    latest = _latest(connection)
    there: set[tuple[str, int]] = set()
    for kind, row in ENTITY_ROWS.items():
        ids = connection.scalars(select(row.table.c[row.key])).all()
        for id_, state in read_states(connection, kind, ids).items():
            there.add((kind, id_))
            one = kept.get((kind, id_))
            if one is None or one.value != state:
                yield f"{kind} {id_}: {None if one is None else one.value} is kept, {state} is there"
                continue
            digest = part_digest(one.salt, part_of(kind), state)
            if one.digest != digest:
                yield f"{kind} {id_}: its digest"
            yield from _unsaid(f"{kind} {id_}", latest[kind, id_], {part_of(kind): digest})
    for named, one in kept.items():
        if named not in there and (one.value, one.digest) != (None, None):
            yield f"{named} is kept, and not there"


def _digests(salt: bytes, values: Values) -> tuple[dict[str, bytes], dict[Part, bytes]]:
    """The digest of each value, and of each part."""
    named = {name: part_digest(salt, name, value) for name, value in values.items()}
    of_comments = {int(name[8:]): one for name, one in named.items() if name.startswith("comment/")}
    digests = {part: named[part] for part in PARTS if part in named}
    if digest := comments_digest(of_comments):
        digests["comments"] = digest
    return named, digests


def _latest(connection: Connection) -> dict[tuple[str, int], dict[str, bytes]]:
    """The digest of each part of each thing that the last row about it has; and of a recording as a whole."""
    latest: dict[tuple[str, int], dict[str, bytes]] = defaultdict(dict)
    rows = select(audit_rows, audit_changes).join(
        audit_changes, audit_changes.c.audit_row_id == audit_rows.c.id
    )
    for row in connection.execute(rows.order_by(audit_rows.c.id)):
        its = latest[row.entity_name, row.entity_id]
        before = dict(zip(row.parts, split_hashes(row.before_digests), strict=True))
        for part, digest in before.items():
            assert its.get(part, ABSENT) == digest, f"{row.entity_name} {row.entity_id}: {part} before"
        its |= dict(zip(row.parts, split_hashes(row.after_digests), strict=True))
        if row.record_digest is not None:
            its["record"] = row.record_digest
    return latest


def _unsaid(name: str, said: dict[str, Any], named: dict[str, bytes]) -> Iterator[str]:
    there = {part: digest for part, digest in said.items() if digest != ABSENT}
    for part in sorted(there.keys() | named.keys()):
        if there.get(part) != named.get(part):
            yield f"{name}: the last row about {part} says otherwise"
