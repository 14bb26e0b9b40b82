"""The ledger: an append-only row for every change, and for every access that is audited.

A row is committed before the answer that it is about leaves the server. An action is pending from then on:
`integrating.py` makes a leaf of the log of it. What is done in batches is pending from its last one on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from secrets import token_bytes

from sqlalchemy import ColumnElement, Connection, case, exists, func, insert, literal, or_, select, update

from earwitness.archive.access.viewer import Viewer
from earwitness.archive.access.visibility import visible_to
from earwitness.archive.database.bulk_insert import insert_numbered
from earwitness.archive.ledger.changed import Changed
from earwitness.archive.ledger.entity_states import note_states
from earwitness.archive.ledger.touched import Named, take_touched
from earwitness.archive.ledger.tree.commitments import SALT_BYTES
from earwitness.archive.schema.ledger import audit_changes, ledger_leaves
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.schema.work import audit_headers, audit_rows
from earwitness.kernel.clock import now_ms

_IDS_IN_ONE_QUERY = 500

_LOGGED = "earwitness_logged"

HEADER_SALTS = 3
"""Of its user, its address and its request, one after the other."""


CREATE_ACCOUNT = "Create account"
"""The description of the action with which the log of an account begins that was made with it."""


@dataclass(frozen=True, slots=True)
class Action:
    """One call of the API, or one command, as the ledger has it."""

    method: str
    route: str
    description: str
    username: str
    ip_address: str
    user_id: int | None = None
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """What an action did to one thing. `metadata` is shown in the audit log as it is."""

    entity_id: int
    entity_name: str = "Recording"
    metadata: dict[str, object] | None = None
    response_code: int = 200
    changed: Changed | None = None
    """What it replaced, which the audit log does not show."""


@dataclass(frozen=True, slots=True)
class AuditSubjects:
    """The recordings that a call names, by either of their ids."""

    interaction_ids: Sequence[int] = field(default=())
    third_party_ids: Sequence[str] = field(default=())


def add_header(connection: Connection, action: Action) -> int:
    """Write a header, for rows that follow it in the same transaction. Returns its id."""
    return _headers(connection, [action])[0]


def begin_batches(connection: Connection, action: Action, ordered_by_header_id: int) -> int:
    """Write a header for what an action ordered and is done in batches. It is open until `end_batches`."""
    return _headers(connection, [action], ordered_by_header_id=ordered_by_header_id)[0]


def end_batches(connection: Connection, header: int) -> None:
    """Note that the last row was written under a header: from now on the log can have it.

    One that has ended already stays as it is: the log has it once. What was ordered before the archive had
    a log gets its salts here.
    """
    salts = func.coalesce(audit_headers.c.salts, token_bytes(HEADER_SALTS * SALT_BYTES))
    ended = update(audit_headers).where(*_is_open(header)).values(is_pending=True, salts=salts)
    connection.execute(ended)
    connection.info[_LOGGED] = True


def is_open(connection: Connection, header: int) -> bool:
    """Whether rows may still be written under a header of batches. It stays so until the transaction ends."""
    open_one = select(audit_headers.c.id).where(*_is_open(header)).with_for_update()
    return connection.scalar(open_one) is not None


def _is_open(header: int) -> tuple[ColumnElement[bool], ...]:
    leaf = exists().where(ledger_leaves.c.audit_header_id == audit_headers.c.id)
    return audit_headers.c.id == header, ~audit_headers.c.is_pending, ~leaf


def take_logged(connection: Connection) -> bool:
    """Whether this connection wrote something that is to be in the log. Forgets it."""
    return connection.info.pop(_LOGGED, False) is True


def append(connection: Connection, action: Action, entries: Sequence[Entry]) -> None:
    """Write a header, and a row for each entry and for what was touched besides; nothing if there is none."""
    append_all(connection, [(action, entries)])


def append_all(connection: Connection, done: Sequence[tuple[Action, Sequence[Entry]]]) -> None:
    """Write the header of each action, and the rows of its entries."""
    rows = _complete(connection, [entries for _, entries in done])
    if any(rows):
        _add_rows(connection, _headers(connection, [action for action, _ in done]), rows)


def append_under(connection: Connection, header: int, entries: Sequence[Entry]) -> None:
    """Write a row for each entry, and for what was touched besides, under a header.

    For what an action did that is done in several transactions.
    """
    _add_rows(connection, [header], _complete(connection, [entries]))


def append_for_recordings(
    connection: Connection,
    header: int,
    which: ColumnElement[bool],
    metadata: dict[str, object] | None = None,
    response_code: int = 200,
) -> None:
    """Write the same row under a header for each recording that meets a condition."""
    same: dict[str, object] = {
        "audit_header_id": header,
        "entity_name": "Recording",
        "parent_entity_name": "Recording",
        "metadata": metadata,
        "response_code": response_code,
        "seal": None if metadata is None else token_bytes(SALT_BYTES),
    }
    columns = [literal(value, audit_rows.c[name].type) for name, value in same.items()]
    rows = select(recordings.c.interaction_id, recordings.c.interaction_id, *columns).where(which)
    connection.execute(insert(audit_rows).from_select(["entity_id", "parent_entity_id", *same], rows))


def append_access(
    connection: Connection,
    action: Action,
    viewer: Viewer,
    subjects: AuditSubjects,
    response_code: int,
    metadata: dict[str, object] | None = None,
) -> None:
    """Write a row for each recording that a call named and that exists.

    If the call succeeded but left a recording out, because the viewer may not see it, its row says 404.
    """
    entries = [
        Entry(
            interaction_id,
            metadata=metadata,
            response_code=404 if response_code < 400 and not visible else response_code,
        )
        for interaction_id, visible in _existing(connection, viewer, subjects)
    ]
    append(connection, action, entries)


def _complete(connection: Connection, done: Sequence[Sequence[Entry]]) -> list[list[Entry]]:
    """The entries of actions, with what each changed; the first also has what was touched besides."""
    touched = dict.fromkeys(take_touched(connection))
    named = {_named(entry) for entries in done for entry in entries}
    states = note_states(connection, named | touched.keys())
    complete = [
        [entry if entry.changed else replace(entry, changed=states.pop(_named(entry), None)) for entry in one]
        for one in done
    ]
    code = next((entry.response_code for entries in done for entry in entries), 200)
    besides = [(name, id_) for name, id_ in touched if (name, id_) in states]
    complete[0] += [Entry(id_, name, None, code, states[name, id_]) for name, id_ in besides]
    return complete


def _add_rows(connection: Connection, headers: Sequence[int], done: Sequence[Sequence[Entry]]) -> None:
    """Write the rows of entries, each under its header, and what they changed."""
    under = [(header, entry) for header, entries in zip(headers, done, strict=True) for entry in entries]
    rows = [
        {
            "audit_header_id": header,
            "entity_name": entry.entity_name,
            "entity_id": entry.entity_id,
            "parent_entity_name": entry.entity_name,
            "parent_entity_id": entry.entity_id,
            "metadata": entry.metadata,
            "response_code": entry.response_code,
            "seal": None if entry.metadata is None else token_bytes(SALT_BYTES),
        }
        for header, entry in under
    ]
    changes = [None if entry.changed is None else entry.changed.columns for _, entry in under]
    insert_numbered(connection, audit_rows, rows, audit_changes, changes)


def _named(entry: Entry) -> Named:
    return entry.entity_name, entry.entity_id


def _headers(
    connection: Connection, actions: Sequence[Action], *, ordered_by_header_id: int | None = None
) -> Sequence[int]:
    """Write the header of each action, and return their ids."""
    now = now_ms()
    rows = [
        {
            "method": action.method,
            "route": action.route,
            "description": action.description,
            "user_id": action.user_id,
            "username": action.username,
            "inserted_at": now,
            "ip_address": action.ip_address,
            "request_id": action.request_id,
            "ordered_by_header_id": ordered_by_header_id,
            "is_pending": ordered_by_header_id is None,
            "salts": token_bytes(HEADER_SALTS * SALT_BYTES),
        }
        for action in actions
    ]
    connection.info[_LOGGED] = True
    return connection.scalars(_ADD_HEADERS, rows).all()


_ADD_HEADERS = insert(audit_headers).returning(audit_headers.c.id, sort_by_parameter_order=True)


def _existing(connection: Connection, viewer: Viewer, subjects: AuditSubjects) -> list[tuple[int, bool]]:
    """The recordings that exist, and whether the viewer may see each; by interactionId."""
    found: dict[int, bool] = {}
    seen = case((visible_to(viewer), literal(1)), else_=literal(0))
    for start in range(
        0, max(len(subjects.interaction_ids), len(subjects.third_party_ids)), _IDS_IN_ONE_QUERY
    ):
        part = slice(start, start + _IDS_IN_ONE_QUERY)
        rows = connection.execute(
            select(recordings.c.interaction_id, seen).where(
                or_(
                    recordings.c.interaction_id.in_(subjects.interaction_ids[part]),
                    recordings.c.third_party_id.in_(subjects.third_party_ids[part]),
                )
            )
        )
        found |= {interaction_id: bool(visible) for interaction_id, visible in rows}
    return sorted(found.items())
