"""Whoever changes the tables behind the archive's back is found by `earwitness ledger verify`, and named.

One row for each kind of tampering: what is changed, by statements of SQL, and what is said about it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Connection, delete, func, insert, select

from earwitness.archive.ledger.leaf_rows import header_of, leaf_of
from earwitness.archive.ledger.notes.signed_note import SignedNote
from earwitness.archive.ledger.recording_digests import add_digests
from earwitness.archive.ledger.recording_parts import read_parts
from earwitness.archive.ledger.signing import signed_checkpoint, signer_of
from earwitness.archive.ledger.tree.appending import append
from earwitness.archive.ledger.tree.commitments import part_digest
from earwitness.archive.ledger.tree.hashing import leaf_hash
from earwitness.archive.ledger.tree.tiles import Tile
from earwitness.archive.schema.ledger import (
    audit_changes,
    entity_states,
    ledger_checkpoints,
    ledger_leaves,
    ledger_tiles,
    recording_digests,
)
from earwitness.archive.schema.people import (
    access_policies,
    account,
    api_keys,
    counters,
    endpoints,
    people,
    retention_groups,
    user_roles_and_rights,
    users,
)
from earwitness.archive.schema.recordings import (
    comments,
    legal_hold_recordings,
    legal_holds,
    playlist_recordings,
    playlists,
    recording_data_groups,
    recording_endpoints,
    recording_tags,
    recordings,
    tags,
    transcripts,
)
from earwitness.archive.schema.vault import media_objects, recording_keys
from earwitness.archive.schema.work import audit_headers, audit_rows
from tests.archive.ledger.checking.guarded_firm import (
    Guarded,
    change,
    guarded,
    position_of,
    state_of,
    swap,
    verify,
)
from tests.firm import ADMIN, Firm

HOUR_MS = 3_600_000
INGEST = "/ingest/recording"


@pytest.fixture
def known(firm: Firm) -> Guarded:
    return guarded(firm)


@dataclass(frozen=True)
class Tampering:
    does: Callable[[Connection, Guarded], None]
    entity: str
    field: str
    source: str | None = None
    """The thirdPartyId, of a recording."""


def _recording(**values: Any) -> Callable[[Connection, Guarded], None]:
    return lambda connection, known: change(
        connection, recordings, recordings.c.interaction_id == known.called, **values
    )


def _part(table: Any, **values: Any) -> Callable[[Connection, Guarded], None]:
    def does(connection: Connection, known: Guarded) -> None:
        change(connection, table, table.c.position == position_of(connection, known.called), **values)

    return does


def _row(table: Any, key: str, is_: Any, /, **values: Any) -> Callable[[Connection, Guarded], None]:
    return lambda connection, _: change(connection, table, table.c[key] == is_, **values)


def _header(**values: Any) -> Callable[[Connection, Guarded], None]:
    return lambda connection, _: change(
        connection, audit_headers, audit_headers.c.id == _ingest(connection), **values
    )


def _ingest(connection: Connection) -> int:
    """The header of the first ingest."""
    of_ingest = select(func.min(audit_headers.c.id)).where(audit_headers.c.route == INGEST)
    return int(connection.scalars(of_ingest).one())


def _move_by_an_hour(connection: Connection, known: Guarded) -> None:
    row = connection.execute(select(recordings).where(recordings.c.interaction_id == known.silent)).one()
    moved = {"started_at": row.started_at + HOUR_MS, "ended_at": row.ended_at + HOUR_MS}
    change(connection, recordings, recordings.c.interaction_id == known.silent, **moved)


def _remove_hold(connection: Connection, known: Guarded) -> None:
    held = legal_hold_recordings.c.position == position_of(connection, known.held)
    connection.execute(delete(legal_hold_recordings).where(held))


def _remove_from_playlist(connection: Connection, known: Guarded) -> None:
    listed = playlist_recordings.c.position == position_of(connection, known.held)
    connection.execute(delete(playlist_recordings).where(listed))


def _delete_recording(connection: Connection, known: Guarded) -> None:
    connection.execute(delete(recordings).where(recordings.c.interaction_id == known.silent))


def _swap_sources(connection: Connection, known: Guarded) -> None:
    swap(connection, recordings, "interaction_id", known.called, known.silent, "third_party_id")


def _swap_media_keys_and_ids(connection: Connection, known: Guarded) -> None:
    one, other = (position_of(connection, each) for each in (known.called, known.silent))
    kept = ("name", "size_bytes", "stored_bytes", "sha256")
    swap(connection, media_objects, "position", one, other, *kept)
    swap(connection, recording_keys, "position", one, other, "vault_id", "wrapped_key")
    swap(connection, recordings, "position", one, other, "interaction_id")


def _swap_media(connection: Connection, known: Guarded) -> None:
    one, other = (position_of(connection, each) for each in (known.called, known.silent))
    swap(connection, media_objects, "position", one, other, "name", "size_bytes", "stored_bytes", "sha256")


def _add_recording(connection: Connection, known: Guarded) -> None:
    row = dict(
        connection.execute(select(recordings).where(recordings.c.interaction_id == known.silent))
        .one()
        ._mapping
    )
    new = {"position": row["position"] + 500, "interaction_id": known.silent + 1, "third_party_id": "forged"}
    connection.execute(insert(recordings).values(row | new))
    change(connection, counters, counters.c.name == "interaction", value=known.silent + 1)


def _add_recording_with_digests(connection: Connection, known: Guarded) -> None:
    _add_recording(connection, known)
    position = position_of(connection, known.silent + 1)
    add_digests(connection, read_parts(connection, [position]))


def _rewrite_with_digests(connection: Connection, known: Guarded) -> None:
    """Change a transcript, and make all its digests anew."""
    position = position_of(connection, known.called)
    segments = [{"text": "Buy everything today.", "start": 0.0, "end": 1.5}]
    change(connection, transcripts, transcripts.c.position == position, segments=segments)
    connection.execute(delete(recording_digests).where(recording_digests.c.position == position))
    add_digests(connection, read_parts(connection, [position]))


def _delete_row(connection: Connection, known: Guarded) -> None:
    row = connection.scalars(
        select(audit_rows.c.id).where(audit_rows.c.audit_header_id == _ingest(connection))
    ).first()
    connection.execute(delete(audit_changes).where(audit_changes.c.audit_row_id == row))
    connection.execute(delete(audit_rows).where(audit_rows.c.id == row))


def _delete_action(connection: Connection, known: Guarded) -> None:
    header = _ingest(connection)
    of_header = select(audit_rows.c.id).where(audit_rows.c.audit_header_id == header)
    connection.execute(delete(audit_changes).where(audit_changes.c.audit_row_id.in_(of_header)))
    connection.execute(delete(audit_rows).where(audit_rows.c.audit_header_id == header))
    connection.execute(delete(ledger_leaves).where(ledger_leaves.c.audit_header_id == header))
    connection.execute(delete(audit_headers).where(audit_headers.c.id == header))


def _renumber_action(connection: Connection, known: Guarded) -> None:
    header = _ingest(connection)
    row = dict(connection.execute(select(audit_headers).where(audit_headers.c.id == header)).one()._mapping)
    connection.execute(insert(audit_headers).values(row | {"id": 900}))
    change(connection, audit_rows, audit_rows.c.audit_header_id == header, audit_header_id=900)
    change(connection, ledger_leaves, ledger_leaves.c.audit_header_id == header, audit_header_id=900)
    connection.execute(delete(audit_headers).where(audit_headers.c.id == header))


def _add_action(connection: Connection, known: Guarded) -> None:
    row = dict(
        connection.execute(select(audit_headers).where(audit_headers.c.id == _ingest(connection)))
        .one()
        ._mapping
    )
    connection.execute(insert(audit_headers).values(row | {"id": 900, "username": "mallory"}))


def _add_row(connection: Connection, known: Guarded) -> None:
    row = connection.execute(
        select(audit_rows).where(audit_rows.c.audit_header_id == _ingest(connection))
    ).first()
    assert row is not None
    connection.execute(insert(audit_rows).values(dict(row._mapping) | {"id": 900}))


def _change_replaced_value(connection: Connection, known: Guarded) -> None:
    """Change the comment that was withdrawn, in what its withdrawal replaced."""
    rows = connection.execute(select(audit_changes.c.audit_row_id, audit_changes.c.before)).all()
    row, before = next((one, value) for one, value in rows if value and "comment/2" in value)
    forged = {**before, "comment/2": {**before["comment/2"], "comment": "Something else."}}
    change(connection, audit_changes, audit_changes.c.audit_row_id == row, before=forged)


def _change_digest_in_log(connection: Connection, known: Guarded) -> None:
    row = connection.scalars(
        select(audit_rows.c.id).where(audit_rows.c.audit_header_id == _ingest(connection))
    ).first()
    change(connection, audit_changes, audit_changes.c.audit_row_id == row, record_digest=bytes(32))


def _rewrite_leaf(connection: Connection, known: Guarded) -> None:
    """Change who did it, in the action and in its leaf."""
    header = _ingest(connection)
    change(connection, audit_headers, audit_headers.c.id == header, username="mallory")
    made = leaf_of(connection, header_of(connection, header), "action")
    change(connection, ledger_leaves, ledger_leaves.c.audit_header_id == header, leaf=made.leaf)


def _rewrite_tree(connection: Connection, known: Guarded) -> tuple[int, bytes]:
    """Change who did it, in the action, in its leaf and in all tiles. Returns the new size and root."""
    _rewrite_leaf(connection, known)
    leaves = connection.scalars(select(ledger_leaves.c.leaf).order_by(ledger_leaves.c.leaf_index)).all()
    made = append(0, _no_tile, [leaf_hash(one) for one in leaves])
    connection.execute(delete(ledger_tiles))
    for tile, hashes in made.tiles.items():
        row = {"tree": 0, "level": tile.level, "number": tile.index, "hashes": hashes}
        connection.execute(insert(ledger_tiles).values(row))
    return made.size, made.root


def _no_tile(_tile: Tile) -> bytes:
    raise AssertionError


def _rewrite_checkpoint(connection: Connection, known: Guarded) -> None:
    """Change all that can be made without the key: the note keeps its old signature."""
    size, root = _rewrite_tree(connection, known)
    kept = ledger_checkpoints.c
    note = SignedNote.read(connection.scalars(select(kept.note).where(kept.size == size)).one().encode())
    connection.execute(delete(ledger_checkpoints).where(kept.size != size))
    origin = note.text.split("\n")[0]
    text = signed_checkpoint(signer_of(origin, bytes(32)), size, root).text
    forged = SignedNote(text, note.signatures).encode().decode()
    change(connection, ledger_checkpoints, kept.size == size, root=root, note=forged)


def _sign_with_another_key(connection: Connection, known: Guarded) -> None:
    size, root = _rewrite_tree(connection, known)
    kept = ledger_checkpoints.c
    note = connection.scalars(select(kept.note).where(kept.size == size)).one()
    forged = signed_checkpoint(signer_of(note.split("\n")[0], bytes(32)), size, root).encode().decode()
    change(connection, ledger_checkpoints, kept.size == size, root=root, note=forged)


def _cut_off(connection: Connection, known: Guarded) -> None:
    """Remove the end of the log, as if it had never been longer."""
    last = connection.scalars(select(func.max(ledger_leaves.c.leaf_index))).one()
    connection.execute(delete(ledger_leaves).where(ledger_leaves.c.leaf_index == last))


def _rewrite_state(connection: Connection, known: Guarded) -> None:
    """Give a user more rights, and make the state that the log keeps of the user anew."""
    _widen_rights(connection, known)
    state = entity_states.c
    this = (state.entity_name == "User") & (state.entity_id == 2)
    salt = connection.scalars(select(state.salt).where(this)).one()
    value = state_of(connection, "User", 2)
    change(connection, entity_states, this, value=value, digest=part_digest(salt, "user", value))


def _widen_rights(connection: Connection, known: Guarded) -> None:
    granted = user_roles_and_rights.c
    change(connection, user_roles_and_rights, granted.user_id == 2, name="Admin")


def _add_user(connection: Connection, known: Guarded) -> None:
    row = dict(connection.execute(select(users).where(users.c.id == 2)).one()._mapping)
    names = {"id": 3, "username": "mallory", "username_folded": "mallory"}
    connection.execute(insert(users).values(row | names))


def _delete_user(connection: Connection, known: Guarded) -> None:
    connection.execute(delete(user_roles_and_rights).where(user_roles_and_rights.c.user_id == 2))
    connection.execute(delete(users).where(users.c.id == 2))


def _forget_salt(connection: Connection, known: Guarded) -> None:
    change(
        connection,
        recording_digests,
        recording_digests.c.position == position_of(connection, known.called),
        salt=bytes(32),
    )


def _tamper_with_tile(connection: Connection, known: Guarded) -> None:
    connection.execute(delete(ledger_tiles).where(ledger_tiles.c.tree == 0))


ADA = ("User", "call")

KINDS = {
    "a row of the audit log edited": Tampering(
        lambda connection, _: change(
            connection,
            audit_rows,
            audit_rows.c.audit_header_id == _ingest(connection),
            response_code=404,
        ),
        "Recording",
        "auditRow",
        None,
    ),
    "a row of the audit log deleted": Tampering(_delete_row, "Action", "rows"),
    "a row of the audit log added": Tampering(_add_row, "Action", "rows"),
    "a row moved to another recording": Tampering(
        lambda connection, known: change(
            connection,
            audit_rows,
            audit_rows.c.audit_header_id == _ingest(connection),
            entity_id=known.silent,
            parent_entity_id=known.silent,
        ),
        "Recording",
        "auditRow",
    ),
    "an action deleted with its leaf": Tampering(_delete_action, "Ledger", "leaf 2"),
    "an action renumbered": Tampering(_renumber_action, "Action", "header"),
    "an action added": Tampering(_add_action, "Action", "action"),
    "who did it": Tampering(_header(username="mallory"), "Action", "username"),
    "from where": Tampering(_header(ip_address="198.51.100.9"), "Action", "ipAddress"),
    "the time of an action": Tampering(_header(inserted_at=1), "Action", "insertedAt"),
    "what was done": Tampering(_header(description="Look at recording"), "Action", "description"),
    "the salts of an action": Tampering(_header(salts=bytes(48)), "Action", "username"),
    "the salts of an action removed": Tampering(_header(salts=None), "Action", "action"),
    "an action marked as not in the log": Tampering(_header(is_pending=True), "Action", "isPending"),
    "an older value in the history": Tampering(_change_replaced_value, "Recording", "comment/2", "call-1"),
    "a digest in the history": Tampering(_change_digest_in_log, "Recording", "recordDigest", "call-1"),
    "an action and its leaf": Tampering(_rewrite_leaf, "Action", "leaf"),
    "a recording moved by an hour": Tampering(_move_by_an_hour, "Recording", "source", "call-3"),
    "its place on the timeline": Tampering(_move_by_an_hour, "Recording", "position", "call-3"),
    "a direction": Tampering(_recording(direction="Out"), "Recording", "source", "call-1"),
    "metadata of the source": Tampering(_recording(metadata={"a": 1}), "Recording", "source", "call-1"),
    "a private recording made public": Tampering(
        _recording(is_private=True), "Recording", "privacy", "call-1"
    ),
    "retention moved into the past": Tampering(
        _recording(retain_until=1), "Recording", "retention", "call-1"
    ),
    "media marked as not there": Tampering(_recording(has_media=False), "Recording", "hasMedia", "call-1"),
    "a message added": Tampering(_recording(message="Hello"), "Recording", "message", "call-1"),
    "a word of a transcript": Tampering(
        _part(transcripts, segments=[{"text": "Buy everything today.", "start": 0.0, "end": 1.5}]),
        "Recording",
        "transcript",
        "call-1",
    ),
    "a transcript with its digests": Tampering(_rewrite_with_digests, "Recording", "transcript", "call-1"),
    "the salt of a recording": Tampering(_forget_salt, "Recording", "source", "call-1"),
    "who took part": Tampering(
        _part(recording_endpoints, endpoint_id=2, person_id=None), "Recording", "participants", "call-1"
    ),
    "the user by which it is found": Tampering(
        _part(recording_endpoints, user_folded="mallory"), "Recording", "participants", "call-1"
    ),
    "the data groups by which it is seen": Tampering(
        _part(recording_data_groups, value="Trading"), "Recording", "dataGroups", "call-1"
    ),
    "a tag taken off": Tampering(
        lambda connection, known: _removed(
            connection.execute(
                delete(recording_tags).where(
                    recording_tags.c.position == position_of(connection, known.called)
                )
            )
        ),
        "Recording",
        "tags",
        "call-1",
    ),
    "a comment changed": Tampering(
        _row(comments, "id", 1, comment="All is well."), "Recording", "comment/1", "call-1"
    ),
    "a comment un-withdrawn": Tampering(
        _row(comments, "id", 2, withdrawn_at=None), "Recording", "comment/2", "call-1"
    ),
    "a hold removed": Tampering(_remove_hold, "Recording", "holds", "call-2"),
    "a playlist shortened": Tampering(_remove_from_playlist, "Recording", "playlists", "call-2"),
    "a recording deleted with its media": Tampering(_delete_recording, "Recording", "recording", "call-3"),
    "a recording added": Tampering(_add_recording, "Recording", "recording", "forged"),
    "a recording added with digests": Tampering(
        _add_recording_with_digests, "Recording", "recording", "forged"
    ),
    "two thirdPartyIds swapped": Tampering(_swap_sources, "Recording", "source", "call-3"),
    "media of two recordings swapped": Tampering(_swap_media, "Recording", "media", "call-1"),
    "media, keys and ids of two recordings swapped": Tampering(
        _swap_media_keys_and_ids, "Recording", "source", "call-3"
    ),
    "a tile of the log removed": Tampering(_tamper_with_tile, "Ledger", "tile/0/000.p"),
    "actions, leaves and tiles": Tampering(
        lambda connection, known: _discarded(_rewrite_tree(connection, known)), "Ledger", "checkpoint of"
    ),
    "all of the log without the key": Tampering(_rewrite_checkpoint, "Ledger", "checkpoint of"),
    "all of the log, signed with another key": Tampering(_sign_with_another_key, "Ledger", "checkpoint of"),
    "the log cut off": Tampering(_cut_off, "Ledger", "size"),
    "the counter of the log set back": Tampering(
        _row(counters, "name", "ledger", value=1), "Counter", "ledger"
    ),
    "the numbers of the feed": Tampering(_row(counters, "name", "change", value=1), "Counter", "change"),
    "a user's rights widened": Tampering(_widen_rights, "User", "rolesAndRights"),
    "a user's rights, and the kept state": Tampering(_rewrite_state, "User", "user"),
    "a user added": Tampering(_add_user, "User", "user"),
    "a user deleted": Tampering(_delete_user, "User", "user"),
    "a kept state removed": Tampering(
        lambda connection, _: _removed(
            connection.execute(delete(entity_states).where(entity_states.c.entity_name == "Tag"))
        ),
        "Tag",
        "state",
    ),
    "an API key that was revoked": Tampering(_row(api_keys, "id", 1, revoked_at=1), "ApiKey", "revokedAt"),
    "the hash of an API key": Tampering(_row(api_keys, "id", 1, key_hash=bytes(32)), "ApiKey", "keyHash"),
    "a condition of a policy": Tampering(
        _row(access_policies, "id", 1, conditions={"communicationTypes": ["sms"]}),
        "AccessPolicy",
        "conditions",
    ),
    "a name of a person": Tampering(
        _row(people, "third_party_id", "AAD-1", full_name="John Doe"), "Person", "fullName"
    ),
    "an owner of an endpoint": Tampering(
        _row(endpoints, "normalised", "447896423595", owned_by_person_id=None), "Endpoint", "ownedByPersonId"
    ),
    "a retention group": Tampering(
        _row(retention_groups, "id", 1, retention_group={"default": 1}), "RetentionGroup", "retentionGroup"
    ),
    "a hold ended": Tampering(_row(legal_holds, "id", 1, ended_at=1), "LegalHold", "endedAt"),
    "a playlist renamed": Tampering(_row(playlists, "id", 1, name="Fun"), "Playlist", "name"),
    "a tag renamed": Tampering(_row(tags, "tag", "Complaint", tag="Praise"), "Tag", "tag"),
    "the account's settings": Tampering(
        lambda connection, _: change(
            connection, account, account.c.client_id > 0, may_shorten_retention=True
        ),
        "Account",
        "mayShortenRetention",
    ),
}


def _removed(result: Any) -> None:
    assert result.rowcount


def _discarded(_value: Any) -> None:
    pass


@pytest.mark.parametrize("kind", KINDS)
def test_tampering_is_named(known: Guarded, kind: str) -> None:
    tampering = KINDS[kind]
    with known.firm.archive.write() as connection:
        tampering.does(connection, known)
    found = verify(known.firm)
    named = [(one["entityName"], one["field"], one["thirdPartyId"]) for one in found]
    assert any(
        entity == tampering.entity
        and field.startswith(tampering.field)
        and tampering.source in (None, source)
        for entity, field, source in named
    ), named


def test_nothing_differs_where_nothing_was_changed(known: Guarded) -> None:
    assert verify(known.firm, exit_code=0) == []


def test_what_differs_is_named_with_the_action_that_the_log_has(known: Guarded) -> None:
    with known.firm.archive.write() as connection:
        _widen_rights(connection, known)
        _recording(direction="Out")(connection, known)
    found = {one["entityName"]: one for one in verify(known.firm)}
    assert (found["Recording"]["interactionId"], found["Recording"]["username"]) == (known.called, ADMIN)
    assert found["User"]["interactionId"] is None
    assert all(one["auditHeaderId"] and one["insertedAt"] for one in found.values())
