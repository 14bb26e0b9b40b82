"""Looks for what the audit log has and the log has not, and for counters that were set back."""

from collections.abc import Iterator

from sqlalchemy import Connection, Select, func, select

from earwitness.archive.ledger import older_actions
from earwitness.archive.ledger.checking.actions import ACTION
from earwitness.archive.ledger.checking.differences import Checked, Difference, Named, Thing
from earwitness.archive.schema.ledger import audit_changes, ledger_leaves, ledger_tiles
from earwitness.archive.schema.people import LOG_BEGINS, counters
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.schema.work import audit_headers, audit_rows

_NOT_IN_LOG = "It is in the audit log, and not in the log."


def check_headers(connection: Connection, first: int, most: int) -> Checked:
    """Check actions from the header `first` on: each is in the log, or pending, or open, or older than it."""
    header = audit_headers.c
    rows = connection.execute(
        select(audit_headers, ledger_leaves.c.leaf_index)
        .outerjoin(ledger_leaves, ledger_leaves.c.audit_header_id == header.id)
        .where(header.id >= first)
        .order_by(header.id)
        .limit(most)
    ).all()
    is_beginning = (
        connection.scalar(select(counters.c.value).where(counters.c.name == LOG_BEGINS)) is not None
    )
    last_older = older_actions.last_logged(connection)
    found: list[Difference] = []
    for row in rows:
        is_older = row.salts is None and (row.id <= last_older or is_beginning)
        is_open = row.ordered_by_header_id is not None
        if row.leaf_index is None and not (row.is_pending or is_open or is_older):
            action = Named(row.id, row.inserted_at, row.username)
            found.append(Difference(Thing(ACTION, row.id), "action", _NOT_IN_LOG, action))
    return Checked(len(rows), found, rows[-1].id + 1 if len(rows) == most else None)


def check_older(connection: Connection, first: int, most: int) -> Checked:
    """Check stretches of the audit log from before the log, from the header `first` on."""
    row = audit_rows.c
    these = (row.parent_entity_name == older_actions.AUDIT_LOG) & (row.parent_entity_id >= first)
    rows = connection.execute(
        select(audit_rows).where(these).order_by(row.parent_entity_id).limit(most)
    ).all()
    found: list[Difference] = []
    for one in rows:
        said, after = one.metadata or {}, one.parent_entity_id - 1
        to = said.get("to", after)
        if older_actions.Stretch(after, to, said.get("throughRow", 0)).digest(connection) != said.get(
            "sha256"
        ):
            difference = f"Of the actions {after + 1} to {to}, from before the log, some were changed."
            found.append(Difference(Thing(older_actions.AUDIT_LOG, after + 1), "actions", difference))
    return Checked(len(rows), found, rows[-1].parent_entity_id + 1 if len(rows) == most else None)


def check_rows(connection: Connection, first: int, most: int) -> Checked:
    """Check rows of the audit log from the one with the id `first` on: each has its action."""
    rows = connection.execute(
        select(audit_rows.c.id, audit_rows.c.parent_entity_name, audit_rows.c.parent_entity_id)
        .add_columns(audit_headers.c.id.label("header"))
        .outerjoin(audit_headers, audit_headers.c.id == audit_rows.c.audit_header_id)
        .where(audit_rows.c.id >= first)
        .order_by(audit_rows.c.id)
        .limit(most)
    ).all()
    found = [
        Difference(
            Thing(row.parent_entity_name, row.parent_entity_id), "auditRow", f"Row {row.id} has no action."
        )
        for row in rows
        if row.header is None
    ]
    return Checked(len(rows), found, rows[-1].id + 1 if len(rows) == most else None)


def check_numbers(connection: Connection, _first: int, _most: int) -> Checked:
    """Check the counters, and the numbers of changes, of which the feed tells in their order."""
    found = [Difference(Thing("Counter"), name, difference) for name, difference in _numbers(connection)]
    return Checked(0, found, None)


def _numbers(connection: Connection) -> Iterator[tuple[str, str]]:
    values = {row.name: row.value for row in connection.execute(select(counters))}
    leaves = connection.scalar(select(func.max(ledger_leaves.c.leaf_index) + 1)) or 0
    if values.get("ledger", 0) != leaves:
        yield "ledger", f"It says {values.get('ledger', 0)}, and the log has {leaves} actions."
    sequence = audit_changes.c.sequence
    count, newest = connection.execute(select(func.count(sequence), func.max(sequence))).one()
    if values.get("change", 0) != (newest or 0) or count != (newest or 0):
        yield (
            "change",
            f"It says {values.get('change', 0)}; {count} changes have a number, up to {newest or 0}.",
        )
    used = [
        connection.scalar(select(func.max(recordings.c.interaction_id))) or 0,
        connection.scalar(_newest_logged("Recording")) or 0,
    ]
    if values.get("interaction", 0) < max(used):
        yield "interaction", f"It says {values.get('interaction', 0)}, and {max(used)} was given already."
    if LOG_BEGINS in values and _has_begun(connection):
        yield LOG_BEGINS, "It says that the log is still to begin, and the log has begun."
    strange = (
        select(func.count())
        .select_from(ledger_tiles)
        .where(
            ledger_tiles.c.tree != 0,
            ~select(audit_headers.c.id).where(audit_headers.c.id == ledger_tiles.c.tree).exists(),
        )
    )
    if count := connection.scalar(strange):
        yield "tiles", f"{count} tiles belong to no action."


def _newest_logged(entity_name: str) -> Select[tuple[int]]:
    """The newest id of a kind that the log has changes of."""
    changed = audit_rows.join(audit_changes, audit_changes.c.audit_row_id == audit_rows.c.id)
    of_kind = audit_rows.c.parent_entity_name == entity_name
    return select(func.max(audit_rows.c.parent_entity_id)).select_from(changed).where(of_kind)


def _has_begun(connection: Connection) -> bool:
    """Whether the log has an end of its beginning."""
    header = audit_headers.c
    ended = (
        select(header.id)
        .join(ledger_leaves, ledger_leaves.c.audit_header_id == header.id)
        .where(header.method == "UPGRADE", header.ordered_by_header_id.is_not(None))
    )
    return connection.scalar(ended.limit(1)) is not None
