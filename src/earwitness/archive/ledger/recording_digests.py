"""The digests of recordings: made when one is taken in, and anew of each part that an action changes.

`Watched` looks at parts before and after a change, so that a writer need not know how they are stored:

    watched = Watched(connection, [position], "tags")
    ...
    entry = Entry(interaction_id, changed=watched.changed(connection).get(position))
    entries = watched.entries(connection)  # or this: for those of many that have changed
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from earwitness.archive.access.seen_by import read_seen_by
from earwitness.archive.database.bulk_insert import insert_many
from earwitness.archive.database.in_list import POSITIONS, among, as_list
from earwitness.archive.ledger.changed import ABSENT, Changed
from earwitness.archive.ledger.ledger import Entry
from earwitness.archive.ledger.recording_parts import Values, read_parts
from earwitness.archive.ledger.tree.commitments import (
    PARTS,
    SUBJECT_SALT_BYTES,
    Part,
    comments_digest,
    part_digest,
    record_digest_of,
)
from earwitness.archive.ledger.tree.hashing import split_hashes
from earwitness.archive.schema.ledger import recording_digests
from earwitness.archive.schema.recordings import recordings

Digests = dict[Part, bytes]
"""The digest of each part that a recording has."""

_COMMENT = "comment/"
_DECIDE_WHO_SEES: set[str] = {"source", "participants", "privacy"}


class Watched:
    """Parts of recordings, as they were before a change. It has to be in the transaction of the change."""

    def __init__(self, connection: Connection, positions: Sequence[int], *parts: Part) -> None:
        self._parts = parts
        self._before = read_parts(connection, positions, parts) if positions else {}
        decides = positions and not _DECIDE_WHO_SEES.isdisjoint(parts)
        self._seen_by = read_seen_by(connection, positions) if decides else {}

    def changed(self, connection: Connection) -> dict[int, Changed]:
        """What has changed since, by position; a recording of which nothing changed is left out.

        Keeps the new digests. A recording that the upgrade has not come to yet has none, and is left out too:
        the log begins for it with what is there then.
        """
        after = read_parts(connection, list(self._before), self._parts) if self._before else {}
        known = _known(connection, [one for one, values in after.items() if values != self._before[one]])
        changed: dict[int, Changed] = {}
        kept: list[dict[str, Any]] = []
        for position, (salt, digests) in known.items():
            before, now = self._before[position], after[position]
            names = [one for one in {**before, **now} if before.get(one) != now.get(one)]
            old, new = (_digests_of(salt, values, names) for values in (before, now))
            stored = packed(_with_parts(digests, salt, now, self._parts, new))
            kept.append({"position": position, "salt": salt, "digests": stored})
            replaced = {one: before[one] for one in names if one in before}
            decided = None if _DECIDE_WHO_SEES.isdisjoint(names) else self._seen_by[position].as_json
            changed[position] = Changed(replaced, old, new, record_digest_of(stored), decided)
        insert_many(connection, recording_digests, kept, replacing=True)
        return changed

    def entries(self, connection: Connection, **more: Any) -> list[Entry]:
        """An entry for each recording of which something has changed since, by position.

        Its `metadata` names the parts; `more` are other values of each entry.
        """
        changed = self.changed(connection)
        if not changed:
            return []
        ids = connection.execute(_IDS, {"positions": as_list(sorted(changed))})
        return [
            Entry(
                interaction_id,
                metadata={"changed": changed[position].parts},
                changed=changed[position],
                **more,
            )
            for position, interaction_id in ids
        ]


def add_digests(connection: Connection, new: Mapping[int, Values]) -> dict[int, Changed]:
    """Make and keep the digests of recordings that have none, from their values, by position."""
    rows: list[dict[str, Any]] = []
    changed: dict[int, Changed] = {}
    for position, values in new.items():
        salt = secrets.token_bytes(SUBJECT_SALT_BYTES)
        named = _digests_of(salt, values, values)
        stored = packed(_with_parts({}, salt, values, PARTS, named))
        rows.append({"position": position, "salt": salt, "digests": stored})
        changed[position] = Changed({}, {}, named, record_digest_of(stored))
    insert_many(connection, recording_digests, rows)
    return changed


def packed(digests: Mapping[Part, bytes]) -> bytes:
    """All digests of a recording, in the order of its parts."""
    return b"".join(digests.get(part, ABSENT) for part in PARTS)


def unpacked(stored: bytes) -> Digests:
    """The digests of a recording that `packed` has packed. Later parts than it knew are not there."""
    return {part: one for part, one in zip(PARTS, split_hashes(stored), strict=False) if one != ABSENT}


def _known(connection: Connection, positions: Sequence[int]) -> dict[int, tuple[bytes, Digests]]:
    if not positions:
        return {}
    rows = connection.execute(_KNOWN, {"positions": as_list(positions)})
    return {row.position: (row.salt, unpacked(row.digests)) for row in rows}


_IDS = (
    select(recordings.c.position, recordings.c.interaction_id)
    .where(among(recordings.c.position, POSITIONS))
    .order_by(recordings.c.position)
)
_KNOWN = select(recording_digests).where(among(recording_digests.c.position, POSITIONS))


def _digests_of(salt: bytes, values: Values, names: Iterable[str]) -> dict[str, bytes]:
    return {name: part_digest(salt, name, values[name]) for name in names if name in values}


def _with_parts(
    digests: Digests, salt: bytes, values: Values, parts: Sequence[Part], named: Mapping[str, bytes]
) -> Digests:
    """The digests of a recording after some of its parts were read: those that are not there any more go."""
    found: Digests = {part: one for part, one in digests.items() if part not in parts}
    for part in parts:
        digest = _of_comments(salt, values, named) if part == "comments" else named.get(part)
        if digest is None and part in values:  # it did not change
            digest = digests.get(part)
        if digest is not None:
            found[part] = digest
    return found


def _of_comments(salt: bytes, values: Values, named: Mapping[str, bytes]) -> bytes | None:
    """The digest over those of all comments. `named` has the ones that changed."""
    comments = [name for name in values if name.startswith(_COMMENT)]
    return comments_digest(
        {
            int(name.removeprefix(_COMMENT)): named.get(name) or part_digest(salt, name, values[name])
            for name in comments
        }
    )
