"""Looks for what the audit log has and the log has not, and for counters that were set back."""

from collections.abc import Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, and_, exists, func, select

from earwitness.archive.ledger import older_actions
from earwitness.archive.ledger.checking.actions import ACTION
from earwitness.archive.ledger.checking.differences import Checked, Difference, Named, Thing
from earwitness.archive.schema.ledger import audit_changes, ledger_leaves, ledger_tiles
from earwitness.archive.schema.people import FEED_RESTARTED, FEED_SKIPPED, LOG_BEGINS, counters
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.schema.work import account_jobs, audit_headers, audit_rows
from earwitness.kernel.clock import MS_PER_DAY, now_ms

_NOT_IN_LOG = "It is in the audit log, and not in the log."
_NOT_OPEN = "It is marked as work that goes on, and nothing goes on with it: the log does not have it."
_DEAD_AFTER_MS = 2 * MS_PER_DAY

_header, _row = audit_headers.c, audit_rows.c
_order, _order_leaf = audit_headers.alias("order_headers"), ledger_leaves.alias("order_leaves")
_HAS_JOB = exists().where(account_jobs.c.audit_header_id == _header.id, account_jobs.c.state != "done")
_HAS_LEAF = exists().where(ledger_leaves.c.audit_header_id == _header.id)
_BEGINS = select(counters.c.value).where(counters.c.name == LOG_BEGINS)
_HEADERS = (
    select(
        audit_headers,
        ledger_leaves.c.leaf_index,
        _order.c.is_pending.label("order_is_pending"),
        _order_leaf.c.leaf.label("order_leaf"),
        _HAS_JOB.label("has_job"),
    )
    .outerjoin(ledger_leaves, ledger_leaves.c.audit_header_id == _header.id)
    .outerjoin(_order, _order.c.id == _header.ordered_by_header_id)
    .outerjoin(_order_leaf, _order_leaf.c.audit_header_id == _order.c.id)
)


def check_headers(connection: Connection, first: int, most: int) -> Checked:
    """Check actions from the header `first` on: each is in the log, or pending, or open, or older than it."""
    rows = connection.execute(_HEADERS.where(_header.id >= first).order_by(_header.id).limit(most)).all()
    is_beginning = connection.scalar(_BEGINS) is not None
    last_older = older_actions.last_logged(connection)
    found: list[Difference] = []
    for row in rows:
        if row.leaf_index is not None or row.is_pending:
            continue
        action = Named(row.id, row.inserted_at, row.username)
        if row.ordered_by_header_id is not None:
            if not _may_be_open(row, is_beginning=is_beginning):
                found.append(Difference(Thing(ACTION, row.id), "action", _NOT_OPEN, action))
        elif row.salts is not None or not (row.id <= last_older or is_beginning):
            found.append(Difference(Thing(ACTION, row.id), "action", _NOT_IN_LOG, action))
    return Checked(len(rows), found, rows[-1].id + 1 if len(rows) == most else None)


def _may_be_open(row: Any, *, is_beginning: bool) -> bool:
    """Whether rows may still be written under a header of batches that the log does not have.

    A command that died is ended after a day. A job takes as long as it takes, and so does the beginning.
    """
    if row.order_leaf is None:
        was_ordered = bool(row.order_is_pending)
    else:
        was_ordered = msgspec.json.decode(row.order_leaf).get("type") == "order"
    began_ms_ago = now_ms() - row.inserted_at
    is_new = -MS_PER_DAY < began_ms_ago < _DEAD_AFTER_MS
    return was_ordered and (is_new or row.has_job or is_beginning)


def check_older(connection: Connection, first: int, most: int) -> Checked:
    """Check stretches of the audit log from before the log, from the header `first` on."""
    onward = older_actions.STRETCHES.where(_row.parent_entity_id >= first)
    rows = connection.execute(onward.order_by(_row.parent_entity_id).limit(most)).all()
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
    """Check rows of the audit log from the one with the id `first` on: each has its action.

    Those from before the log were written before it: later ones, and what they changed, are not in it.
    """
    rows = connection.execute(_ROWS.where(_row.id >= first).order_by(_row.id).limit(most)).all()
    last = older_actions.last_stretch(connection)
    is_beginning = connection.scalar(_BEGINS) is not None
    found: list[Difference] = []
    for row in rows:
        thing = Thing(row.parent_entity_name, row.parent_entity_id)
        if row.header is None:
            found.append(Difference(thing, "auditRow", f"Row {row.id} has no action."))
        elif row.is_older and not row.has_job:
            is_late = not is_beginning and last is not None and row.id > last.through_row
            if is_late or row.changed is not None:
                found.append(Difference(thing, "auditRow", f"Row {row.id} is later than its action."))
    return Checked(len(rows), found, rows[-1].id + 1 if len(rows) == most else None)


_ROWS = (
    select(
        _row.id,
        _row.parent_entity_name,
        _row.parent_entity_id,
        _header.id.label("header"),
        and_(_header.salts.is_(None), ~_header.is_pending, ~_HAS_LEAF).label("is_older"),
        _HAS_JOB.label("has_job"),
        audit_changes.c.audit_row_id.label("changed"),
    )
    .select_from(audit_rows)
    .outerjoin(audit_headers, _header.id == _row.audit_header_id)
    .outerjoin(audit_changes, audit_changes.c.audit_row_id == _row.id)
)


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
    last, skipped = values.get("change", 0), values.get(FEED_SKIPPED, 0)
    if count + skipped != last or last not in {newest or 0, values.get(FEED_RESTARTED)}:
        yield "change", f"It says {last}; {count} changes have a number, up to {newest or 0}."
    used = [
        connection.scalar(select(func.max(recordings.c.interaction_id))) or 0,
        connection.scalar(_newest_logged("Recording")) or 0,
    ]
    if values.get("interaction", 0) < max(used):
        yield "interaction", f"It says {values.get('interaction', 0)}, and {max(used)} was given already."
    if LOG_BEGINS in values and older_actions.has_begun(connection):
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
