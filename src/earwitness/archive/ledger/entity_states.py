"""What is no recording, such as a person or a user, as it is stored: one row for each kind of them.

The log has one digest over all that is stored of each. The state that the last action left is kept, so that
the row of the next action can say what it replaced, whoever writes it.
"""

import secrets
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from operator import itemgetter
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, FromClause, Table, select

from earwitness.archive.database.bulk_insert import insert_many
from earwitness.archive.database.in_list import among
from earwitness.archive.ledger.changed import Changed
from earwitness.archive.ledger.tree.commitments import SUBJECT_SALT_BYTES, part_digest
from earwitness.archive.schema.ledger import entity_states
from earwitness.archive.schema.people import (
    access_policies,
    account,
    api_keys,
    endpoints,
    group_assignments,
    group_names,
    group_values,
    people,
    retention_groups,
    user_policies,
    user_roles_and_rights,
    users,
)
from earwitness.archive.schema.recordings import legal_holds, playlists, tags
from earwitness.kernel.rights import Right

States = dict[int, dict[str, Any]]
"""What is stored of each, by its id."""


@dataclass(frozen=True, slots=True)
class Listed:
    """Values of another table that belong to each: `value`, where `owner` is its id, in the order of `by`."""

    owner: Column[Any]
    value: Column[Any]
    by: Column[Any]
    only: ColumnElement[bool] | None = None
    """Which rows count, if not all."""
    joined: FromClause | None = None
    """The tables that they are in, where these are several."""


@dataclass(frozen=True, slots=True)
class EntityRow:
    """Where a kind of entity is stored, and the right that shows it today."""

    right: Right
    table: Table
    key: str = "id"
    without: Sequence[str] = ()
    """Columns that are worked out from others, or change without an action."""
    lists: Mapping[str, Listed] | None = None


_GROUPS = group_assignments.join(group_values).join(group_names)


def _groups(value: Column[Any]) -> Listed:
    """A list of what the groups of people have: their names and values change only with new ids."""
    return Listed(group_assignments.c.person_id, value, group_assignments.c.group_value_id, joined=_GROUPS)


ENTITY_ROWS: Mapping[str, EntityRow] = {
    "Person": EntityRow(
        Right.PEOPLE_VIEW,
        people,
        # The group has its people: a change of the group is one row, and not one for each of them.
        without=("full_name_folded", "email_folded", "retention_group_id"),
        lists={
            "group_value_ids": _groups(group_values.c.id),
            "group_names": _groups(group_names.c.name),
            "group_values": _groups(group_values.c.value),
        },
    ),
    "Endpoint": EntityRow(Right.ENDPOINTS_VIEW, endpoints),
    "User": EntityRow(
        Right.USERS_VIEW,
        users,
        without=("username_folded", "last_login_at"),
        lists={
            "roles_and_rights": Listed(
                user_roles_and_rights.c.user_id, user_roles_and_rights.c.name, user_roles_and_rights.c.ordinal
            ),
            "access_policy_ids": Listed(
                user_policies.c.user_id, user_policies.c.access_policy_id, user_policies.c.access_policy_id
            ),
        },
    ),
    "AccessPolicy": EntityRow(Right.USERS_VIEW, access_policies),
    "ApiKey": EntityRow(Right.USERS_VIEW, api_keys),
    "RetentionGroup": EntityRow(
        Right.RETENTION_GROUP_VIEW,
        retention_groups,
        lists={
            "people_ids": Listed(
                people.c.retention_group_id,
                people.c.id,
                people.c.id,
                # From a group that has ended people are taken out in batches, but nobody is in it.
                people.c.retention_group_id.in_(
                    select(retention_groups.c.id).where(retention_groups.c.ended_at.is_(None))
                ),
            )
        },
    ),
    "LegalHold": EntityRow(Right.LEGAL_HOLD_VIEW, legal_holds, without=("recordings",)),
    "Playlist": EntityRow(Right.PLAYLIST_VIEW, playlists, without=("recordings",)),
    "Tag": EntityRow(Right.RECORDING_TAG_VIEW, tags, without=("tag_folded",)),
    "Account": EntityRow(Right.ACCOUNT_VIEW, account, key="client_id"),
}


def part_of(entity_name: str) -> str:
    """The name of the one part of an entity: `accessPolicy`."""
    return entity_name[0].lower() + entity_name[1:]


def read_states(connection: Connection, entity_name: str, ids: Sequence[int]) -> States:
    """What is stored of some entities, by id; those that are not there are left out."""
    row = ENTITY_ROWS[entity_name]
    rows = connection.execute(select(row.table).where(among(row.table.c[row.key], ids)))
    columns = [one.name for one in row.table.c if one.name not in {"id", *row.without}]
    found: States = {}
    for one in rows:
        values = one._mapping
        found[values[row.key]] = {_camel(name): _plain(values[name]) for name in columns}
    for name, listed in (row.lists or {}).items():
        values_of = _listed(connection, listed, list(found))
        for id_, state in found.items():
            state[_camel(name)] = values_of[id_]
    return found


def note_states(connection: Connection, named: Iterable[tuple[str, int]]) -> dict[tuple[str, int], Changed]:
    """What has changed of some entities since the last action that changed them. Keeps the new states.

    What is the same as before is left out, and so is what has no state: a selection.
    """
    ids: dict[str, set[int]] = defaultdict(set)
    for entity_name, entity_id in named:
        if entity_name in ENTITY_ROWS:
            ids[entity_name].add(entity_id)
    changed: dict[tuple[str, int], Changed] = {}
    for entity_name, some in ids.items():
        listed = sorted(some)
        now = read_states(connection, entity_name, listed)
        kept = _kept(connection, entity_name, listed)
        for entity_id, one in _note(connection, entity_name, kept, now).items():
            changed[entity_name, entity_id] = one
    return changed


def _note(
    connection: Connection, entity_name: str, kept: Mapping[int, Any], now: States
) -> dict[int, Changed]:
    part = part_of(entity_name)
    rows: list[dict[str, Any]] = []
    changed: dict[int, Changed] = {}
    for entity_id in sorted(kept.keys() | now.keys()):
        old, value = kept.get(entity_id), now.get(entity_id)
        if old is not None and old.value == value:
            continue
        salt = old.salt if old else secrets.token_bytes(SUBJECT_SALT_BYTES)
        after = {} if value is None else {part: part_digest(salt, part, value)}
        before, digest = ({}, {}) if old is None or old.value is None else _was(part, old)
        changed[entity_id] = Changed(before, digest, after)
        rows.append(
            {
                "entity_name": entity_name,
                "entity_id": entity_id,
                "salt": salt,
                "value": value,
                "digest": after.get(part),
            }
        )
    insert_many(connection, entity_states, rows, replacing=True)
    return changed


def _was(part: str, old: Any) -> tuple[dict[str, Any], dict[str, bytes]]:
    return {part: old.value}, {part: old.digest}


def _kept(connection: Connection, entity_name: str, ids: Sequence[int]) -> dict[int, Any]:
    state = entity_states.c
    these = select(entity_states).where(state.entity_name == entity_name, among(state.entity_id, ids))
    return {row.entity_id: row for row in connection.execute(these)}


def _listed(connection: Connection, listed: Listed, ids: Sequence[int]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    if not ids:
        return found
    rows = select(listed.by, listed.owner, listed.value).where(among(listed.owner, ids))
    if listed.joined is not None:
        rows = rows.select_from(listed.joined)
    if listed.only is not None:
        rows = rows.where(listed.only)
    # Sorted here: a database may read a whole table in its order to find a few rows.
    for _, owner, value in sorted(connection.execute(rows).all(), key=itemgetter(0)):
        found[owner].append(value)
    return found


def _plain(value: Any) -> Any:
    """A value as JSON can have it. Bytes are secrets, such as the hash of an API key: it has their hash."""
    return sha256(value).hexdigest() if isinstance(value, bytes) else value


def _camel(column: str) -> str:
    first, *others = column.split("_")
    return first + "".join(other.capitalize() for other in others)
