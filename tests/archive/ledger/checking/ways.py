"""Ways to change the tables of an account behind its back, by SQL alone."""

from collections.abc import Callable
from typing import Any

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
    counters,
    user_roles_and_rights,
    users,
)
from earwitness.archive.schema.recordings import (
    legal_hold_recordings,
    playlist_recordings,
    recordings,
    transcripts,
)
from earwitness.archive.schema.vault import media_objects, recording_keys
from earwitness.archive.schema.work import audit_headers, audit_rows
from tests.archive.ledger.checking.guarded_firm import (
    Guarded,
    change,
    position_of,
    state_of,
    swap,
)

HOUR_MS = 3_600_000
INGEST = "/ingest/recording"


def recording(**values: Any) -> Callable[[Connection, Guarded], None]:
    return lambda connection, known: change(
        connection, recordings, recordings.c.interaction_id == known.called, **values
    )


def part(table: Any, **values: Any) -> Callable[[Connection, Guarded], None]:
    def does(connection: Connection, known: Guarded) -> None:
        change(connection, table, table.c.position == position_of(connection, known.called), **values)

    return does


def row(table: Any, key: str, is_: Any, /, **values: Any) -> Callable[[Connection, Guarded], None]:
    return lambda connection, _: change(connection, table, table.c[key] == is_, **values)


def header(**values: Any) -> Callable[[Connection, Guarded], None]:
    return lambda connection, _: change(
        connection, audit_headers, audit_headers.c.id == ingest(connection), **values
    )


def ingest(connection: Connection) -> int:
    """The header of the first ingest."""
    of_ingest = select(func.min(audit_headers.c.id)).where(audit_headers.c.route == INGEST)
    return int(connection.scalars(of_ingest).one())


def move_by_an_hour(connection: Connection, known: Guarded) -> None:
    row = connection.execute(select(recordings).where(recordings.c.interaction_id == known.silent)).one()
    moved = {"started_at": row.started_at + HOUR_MS, "ended_at": row.ended_at + HOUR_MS}
    change(connection, recordings, recordings.c.interaction_id == known.silent, **moved)


def remove_hold(connection: Connection, known: Guarded) -> None:
    held = legal_hold_recordings.c.position == position_of(connection, known.held)
    connection.execute(delete(legal_hold_recordings).where(held))


def remove_from_playlist(connection: Connection, known: Guarded) -> None:
    listed = playlist_recordings.c.position == position_of(connection, known.held)
    connection.execute(delete(playlist_recordings).where(listed))


def delete_recording(connection: Connection, known: Guarded) -> None:
    connection.execute(delete(recordings).where(recordings.c.interaction_id == known.silent))


def swap_sources(connection: Connection, known: Guarded) -> None:
    swap(connection, recordings, "interaction_id", known.called, known.silent, "third_party_id")


def swap_media_keys_and_ids(connection: Connection, known: Guarded) -> None:
    one, other = (position_of(connection, each) for each in (known.called, known.silent))
    kept = ("name", "size_bytes", "stored_bytes", "sha256")
    swap(connection, media_objects, "position", one, other, *kept)
    swap(connection, recording_keys, "position", one, other, "vault_id", "wrapped_key")
    swap(connection, recordings, "position", one, other, "interaction_id")


def swap_media(connection: Connection, known: Guarded) -> None:
    one, other = (position_of(connection, each) for each in (known.called, known.silent))
    swap(connection, media_objects, "position", one, other, "name", "size_bytes", "stored_bytes", "sha256")


def add_recording(connection: Connection, known: Guarded) -> None:
    row = dict(
        connection.execute(select(recordings).where(recordings.c.interaction_id == known.silent))
        .one()
        ._mapping
    )
    new = {"position": row["position"] + 500, "interaction_id": known.silent + 1, "third_party_id": "forged"}
    connection.execute(insert(recordings).values(row | new))
    change(connection, counters, counters.c.name == "interaction", value=known.silent + 1)


def add_recording_with_digests(connection: Connection, known: Guarded) -> None:
    add_recording(connection, known)
    position = position_of(connection, known.silent + 1)
    add_digests(connection, read_parts(connection, [position]))


def rewrite_with_digests(connection: Connection, known: Guarded) -> None:
    """Change a transcript, and make all its digests anew."""
    position = position_of(connection, known.called)
    segments = [{"text": "Buy everything today.", "start": 0.0, "end": 1.5}]
    change(connection, transcripts, transcripts.c.position == position, segments=segments)
    connection.execute(delete(recording_digests).where(recording_digests.c.position == position))
    add_digests(connection, read_parts(connection, [position]))


def delete_row(connection: Connection, known: Guarded) -> None:
    row = connection.scalars(
        select(audit_rows.c.id).where(audit_rows.c.audit_header_id == ingest(connection))
    ).first()
    connection.execute(delete(audit_changes).where(audit_changes.c.audit_row_id == row))
    connection.execute(delete(audit_rows).where(audit_rows.c.id == row))


def delete_action(connection: Connection, known: Guarded) -> None:
    header = ingest(connection)
    of_header = select(audit_rows.c.id).where(audit_rows.c.audit_header_id == header)
    connection.execute(delete(audit_changes).where(audit_changes.c.audit_row_id.in_(of_header)))
    connection.execute(delete(audit_rows).where(audit_rows.c.audit_header_id == header))
    connection.execute(delete(ledger_leaves).where(ledger_leaves.c.audit_header_id == header))
    connection.execute(delete(audit_headers).where(audit_headers.c.id == header))


def renumber_action(connection: Connection, known: Guarded) -> None:
    header = ingest(connection)
    row = dict(connection.execute(select(audit_headers).where(audit_headers.c.id == header)).one()._mapping)
    connection.execute(insert(audit_headers).values(row | {"id": 900}))
    change(connection, audit_rows, audit_rows.c.audit_header_id == header, audit_header_id=900)
    change(connection, ledger_leaves, ledger_leaves.c.audit_header_id == header, audit_header_id=900)
    connection.execute(delete(audit_headers).where(audit_headers.c.id == header))


def add_action(connection: Connection, known: Guarded) -> None:
    row = dict(
        connection.execute(select(audit_headers).where(audit_headers.c.id == ingest(connection)))
        .one()
        ._mapping
    )
    connection.execute(insert(audit_headers).values(row | {"id": 900, "username": "mallory"}))


def add_row(connection: Connection, known: Guarded) -> None:
    row = connection.execute(
        select(audit_rows).where(audit_rows.c.audit_header_id == ingest(connection))
    ).first()
    assert row is not None
    connection.execute(insert(audit_rows).values(dict(row._mapping) | {"id": 900}))


def change_replaced_value(connection: Connection, known: Guarded) -> None:
    """Change the comment that was withdrawn, in what its withdrawal replaced."""
    rows = connection.execute(select(audit_changes.c.audit_row_id, audit_changes.c.before)).all()
    row, before = next((one, value) for one, value in rows if value and "comment/2" in value)
    forged = {**before, "comment/2": {**before["comment/2"], "comment": "Something else."}}
    change(connection, audit_changes, audit_changes.c.audit_row_id == row, before=forged)


def change_digest_in_log(connection: Connection, known: Guarded) -> None:
    row = connection.scalars(
        select(audit_rows.c.id).where(audit_rows.c.audit_header_id == ingest(connection))
    ).first()
    change(connection, audit_changes, audit_changes.c.audit_row_id == row, record_digest=bytes(32))


def rewrite_leaf(connection: Connection, known: Guarded) -> None:
    """Change who did it, in the action and in its leaf."""
    header = ingest(connection)
    change(connection, audit_headers, audit_headers.c.id == header, username="mallory")
    made = leaf_of(connection, header_of(connection, header), "action")
    change(connection, ledger_leaves, ledger_leaves.c.audit_header_id == header, leaf=made.leaf)


def rewrite_tree(connection: Connection, known: Guarded) -> tuple[int, bytes]:
    """Change who did it, in the action, in its leaf and in all tiles. Returns the new size and root."""
    rewrite_leaf(connection, known)
    leaves = connection.scalars(select(ledger_leaves.c.leaf).order_by(ledger_leaves.c.leaf_index)).all()
    made = append(0, no_tile, [leaf_hash(one) for one in leaves])
    connection.execute(delete(ledger_tiles))
    for tile, hashes in made.tiles.items():
        row = {"tree": 0, "level": tile.level, "number": tile.index, "hashes": hashes}
        connection.execute(insert(ledger_tiles).values(row))
    return made.size, made.root


def no_tile(_tile: Tile) -> bytes:
    raise AssertionError


def rewrite_checkpoint(connection: Connection, known: Guarded) -> None:
    """Change all that can be made without the key: the note keeps its old signature."""
    size, root = rewrite_tree(connection, known)
    kept = ledger_checkpoints.c
    note = SignedNote.read(connection.scalars(select(kept.note).where(kept.size == size)).one().encode())
    connection.execute(delete(ledger_checkpoints).where(kept.size != size))
    origin = note.text.split("\n")[0]
    text = signed_checkpoint(signer_of(origin, bytes(32)), size, root).text
    forged = SignedNote(text, note.signatures).encode().decode()
    change(connection, ledger_checkpoints, kept.size == size, root=root, note=forged)


def sign_with_another_key(connection: Connection, known: Guarded) -> None:
    size, root = rewrite_tree(connection, known)
    kept = ledger_checkpoints.c
    note = connection.scalars(select(kept.note).where(kept.size == size)).one()
    forged = signed_checkpoint(signer_of(note.split("\n")[0], bytes(32)), size, root).encode().decode()
    change(connection, ledger_checkpoints, kept.size == size, root=root, note=forged)


def cut_off(connection: Connection, known: Guarded) -> None:
    """Remove the end of the log, as if it had never been longer."""
    last = connection.scalars(select(func.max(ledger_leaves.c.leaf_index))).one()
    connection.execute(delete(ledger_leaves).where(ledger_leaves.c.leaf_index == last))


def rewrite_state(connection: Connection, known: Guarded) -> None:
    """Give a user more rights, and make the state that the log keeps of the user anew."""
    widen_rights(connection, known)
    state = entity_states.c
    this = (state.entity_name == "User") & (state.entity_id == 2)
    salt = connection.scalars(select(state.salt).where(this)).one()
    value = state_of(connection, "User", 2)
    change(connection, entity_states, this, value=value, digest=part_digest(salt, "user", value))


def widen_rights(connection: Connection, known: Guarded) -> None:
    granted = user_roles_and_rights.c
    change(connection, user_roles_and_rights, granted.user_id == 2, name="Admin")


def add_user(connection: Connection, known: Guarded) -> None:
    row = dict(connection.execute(select(users).where(users.c.id == 2)).one()._mapping)
    names = {"id": 3, "username": "mallory", "username_folded": "mallory"}
    connection.execute(insert(users).values(row | names))


def delete_user(connection: Connection, known: Guarded) -> None:
    connection.execute(delete(user_roles_and_rights).where(user_roles_and_rights.c.user_id == 2))
    connection.execute(delete(users).where(users.c.id == 2))


def forget_salt(connection: Connection, known: Guarded) -> None:
    change(
        connection,
        recording_digests,
        recording_digests.c.position == position_of(connection, known.called),
        salt=bytes(32),
    )


def tamper_with_tile(connection: Connection, known: Guarded) -> None:
    connection.execute(delete(ledger_tiles).where(ledger_tiles.c.tree == 0))
