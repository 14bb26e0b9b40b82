"""A firm of which all is in the log, for tests that change its tables behind the archive's back."""

import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, delete, insert, select, update

from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.entity_states import ENTITY_ROWS, read_states
from earwitness.archive.ledger.ledger import Action, Entry
from earwitness.archive.ledger.recording_digests import Watched
from earwitness.archive.schema.account import metadata
from earwitness.archive.schema.ledger import entity_states
from earwitness.archive.schema.recordings import (
    legal_hold_recordings,
    playlist_recordings,
    recordings,
)
from tests.cli.running import run_json
from tests.firm import CLIENT_ID, Firm, endpoint, person, tone, transcript

LATER = Action("CLI", "earwitness test", "Log the rest", "operator:test", "")

Row = dict[str, Any]


@dataclass(frozen=True)
class Guarded:
    """The ids of what the firm has: three recordings, of which `held` is in a hold and a playlist."""

    firm: Firm
    called: int
    held: int
    silent: int
    """Without a hold and without comments."""


def guarded(firm: Firm) -> Guarded:
    jane = person("Jane Smith", thirdPartyId="AAD-1", personType="staff")
    subject = endpoint("447896423595", subject=True, user="jane@example.com", person=jane)
    both = [subject, endpoint("447700900111", originator=True)]
    called = firm.ingest(
        tone(0.1),
        thirdPartyId="call-1",
        endpoints=both,
        tags=["Complaint"],
        dataGroups={"Department": "Support"},
        transcript=transcript("Buy nothing today."),
    )
    held = firm.ingest(tone(0.2), thirdPartyId="call-2", endpoints=both)
    silent = firm.ingest(tone(0.3), thirdPartyId="call-3", endpoints=both)
    firm.post("/client/recording/comment", {"recordingId": called, "comment": "Listen to this."})
    again = firm.post("/client/recording/comment", {"recordingId": called, "comment": "No, do not."})
    withdrawn = {"recordingId": called, "cIdf": again["commentId"]}
    assert firm.call("DELETE", "/client/recording/comment", params=withdrawn).is_success
    firm.post("/admin/legalHold", {"name": "Matter 7", "interactionIds": []})
    firm.post("/admin/playlist", {"name": "Training", "interactionIds": []})
    firm.post("/admin/accessPolicy", {"name": "Calls", "communicationTypes": ["phone"]})
    firm.post("/admin/user", {"username": "ada@example.com", "rolesAndRights": ["Standard User"]})
    firm.post("/admin/retentionGroup", {"name": "Desk", "retentionGroup": {"default": 365}, "peopleIds": []})
    with firm.archive.write() as connection:
        _add_members(connection, held)
        log_the_rest(connection)
    log_all(firm)
    return Guarded(firm, called, held, silent)


def log_all(firm: Firm) -> str:
    """Add to the log what is pending, and give its checkpoint, which the places of heads have then."""
    return firm.call("GET", "/ledger/checkpoint").text


def log_the_rest(connection: Connection) -> None:
    """Log what tests write without an action: users and their keys."""
    for name, row in ENTITY_ROWS.items():
        known = select(entity_states.c.entity_id).where(entity_states.c.entity_name == name)
        key = row.table.c[row.key]
        new = connection.scalars(select(key).where(key.not_in(known))).all()
        ledger.append(connection, LATER, [Entry(one, name) for one in new])


def _add_members(connection: Connection, interaction_id: int) -> None:
    position = position_of(connection, interaction_id)
    watched = Watched(connection, [position], "holds", "playlists")
    connection.execute(insert(legal_hold_recordings).values(legal_hold_id=1, position=position))
    connection.execute(insert(playlist_recordings).values(playlist_id=1, position=position))
    changed = watched.changed(connection)
    ledger.append(connection, LATER, [Entry(interaction_id, changed=changed[position])])


def verify(firm: Firm, *words: object, exit_code: int = 1) -> list[Row]:
    """The differences that `earwitness ledger verify` names."""
    found: list[Row] = run_json(firm.settings, "ledger", "verify", CLIENT_ID, *words, exit_code=exit_code)[
        "differences"
    ]
    return found


def position_of(connection: Connection, interaction_id: int) -> int:
    found: int = connection.scalars(
        select(recordings.c.position).where(recordings.c.interaction_id == interaction_id)
    ).one()
    return found


def change(connection: Connection, table: Table, where: Any, **values: Any) -> None:
    """Change exactly one row, or more."""
    assert connection.execute(update(table).where(where).values(values)).rowcount


def swap(connection: Connection, table: Table, key: str, one: Any, other: Any, *columns: str) -> None:
    """Swap columns of two rows, which may be unique."""
    rows = {
        id_: dict(connection.execute(select(table).where(table.c[key] == id_)).one()._mapping)
        for id_ in (one, other)
    }
    for id_ in (one, other):
        aside = {name: _aside(rows[id_][name]) for name in columns}
        change(connection, table, table.c[key] == id_, **aside)
    for id_, from_ in ((one, other), (other, one)):
        change(connection, table, table.c[key] == id_, **{name: rows[from_][name] for name in columns})


def _aside(value: Any) -> Any:
    match value:
        case str():
            return f"aside {secrets.token_hex(8)}"
        case bytes():
            return secrets.token_bytes(32)
        case _:
            return value + 1_000_000


def copy_of(connection: Connection) -> dict[str, list[Row]]:
    """All rows of an account."""
    return {
        table.name: [dict(row._mapping) for row in connection.execute(select(table))]
        for table in metadata.sorted_tables
    }


def restore(connection: Connection, rows: dict[str, list[Row]]) -> None:
    """Put a copy in the place of all rows."""
    for table in reversed(metadata.sorted_tables):
        connection.execute(delete(table))
    for table in metadata.sorted_tables:
        if rows[table.name]:
            connection.execute(insert(table), rows[table.name])


def state_of(connection: Connection, entity_name: str, id_: int) -> dict[str, Any]:
    return read_states(connection, entity_name, [id_])[id_]
