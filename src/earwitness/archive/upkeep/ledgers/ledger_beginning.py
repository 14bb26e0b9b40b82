"""Begins the log of an archive that is older than its log: digests of all that there is, a batch at a time.

What is changed or added meanwhile is in the log by its own action; for all else the log begins with what is
there when its batch is made. A batch and how far it has come are one transaction, so after a kill it goes on
from there. It happens once: what appears later without an action is not in the log.
"""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, delete, exists, func, select, update

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.ledger import ledger, older_actions
from earwitness.archive.ledger.entity_states import ENTITY_ROWS
from earwitness.archive.ledger.ledger import Entry
from earwitness.archive.ledger.older_actions import BEGIN
from earwitness.archive.ledger.recording_digests import add_digests
from earwitness.archive.ledger.recording_parts import read_parts
from earwitness.archive.schema.ledger import entity_states, recording_digests
from earwitness.archive.schema.people import LOG_BEGINS, counters
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.schema.work import audit_headers
from earwitness.kernel.clock import format_ms, now_ms

AT_ONCE = 100
"""Recordings, or other things, in a batch: they take some 20 ms, for which others have to wait."""

_LARGEST_ID = 2**63 - 1


def is_left(connection: Connection) -> bool:
    """Whether the log of the account has not begun wholly."""
    return _next(connection) is not None


def go_on(archive: Archive, at_once: int = AT_ONCE) -> bool:
    """Do one batch of what is left. Returns False if nothing was left."""
    with archive.read() as connection:
        if not is_left(connection):
            return False
        older = _older_actions(connection)
    with archive.write() as connection:
        first = _next(connection)
        if first is None:
            return True
        header = _header(connection)
        if older is not None:
            after, entry = older
            if after == older_actions.last_logged(connection):  # else another worker was faster
                ledger.append_under(connection, header, [entry])
            return True
        positions = _positions(connection, first, at_once)
        if positions:
            ledger.append_under(connection, header, list(_of_recordings(connection, positions)))
            _set_next(connection, positions[-1] + 1)
        elif others := _others(connection, at_once):
            ledger.append_under(connection, header, others)
        else:
            ledger.end_batches(connection, header)
            connection.execute(delete(counters).where(counters.c.name == LOG_BEGINS))
    return True


def listed(connection: Connection) -> list[dict[str, object]]:
    """The same as `queue.list_jobs` tells of jobs. It has no id: there is nothing to retry or drop."""
    if (first := _next(connection)) is None:
        return []
    left = connection.scalar(
        select(func.count()).select_from(recordings).where(recordings.c.position >= first)
    )
    at = format_ms(now_ms())
    note = f"The ledger begins with all that there is: {left} recordings are left."
    return [
        {
            **dict.fromkeys(("id", "step", "interactionId", "thirdPartyId")),
            "kind": "ledger",
            "state": "queued",
            "attempts": 0,
            "queuedAt": at,
            "runAt": at,
            "log": [{"at": at, "text": note}],
        }
    ]


def _header(connection: Connection) -> int:
    """The header of all batches. The first one writes it, below that of the order."""
    header = audit_headers.c
    open_one = select(header.id).where(
        header.description == BEGIN.description, header.ordered_by_header_id.is_not(None)
    )
    known = connection.scalar(open_one)
    if known is not None:
        return int(known)
    return ledger.begin_batches(connection, BEGIN, ledger.add_header(connection, BEGIN))


def _older_actions(connection: Connection) -> tuple[int, Entry] | None:
    """A row for the next stretch of the audit log from before the log, and the header that it follows."""
    begun = connection.scalar(
        select(func.min(audit_headers.c.id)).where(audit_headers.c.description == BEGIN.description)
    )
    stretch = older_actions.next_stretch(connection, _LARGEST_ID if begun is None else begun)
    return None if stretch is None else (stretch.after, stretch.entry(connection))


def _positions(connection: Connection, first: int, at_once: int) -> Sequence[int]:
    position = recordings.c.position
    onward = select(position).where(position >= first).order_by(position).limit(at_once)
    return connection.scalars(onward).all()


def _of_recordings(connection: Connection, positions: Sequence[int]) -> Iterator[Entry]:
    """A row for each recording that has no digests: those that were added meanwhile have theirs."""
    known = select(recording_digests.c.position).where(recording_digests.c.position == recordings.c.position)
    these = recordings.c.position.between(positions[0], positions[-1])
    rows = connection.execute(
        select(recordings.c.position, recordings.c.interaction_id).where(these, ~exists(known))
    ).all()
    changed = add_digests(connection, read_parts(connection, [row.position for row in rows]))
    for row in rows:
        yield Entry(row.interaction_id, changed=changed[row.position])


def _others(connection: Connection, at_once: int) -> list[Entry]:
    """Rows for some of what is no recording and is not in the log; an empty list if all of it is."""
    for name, row in ENTITY_ROWS.items():
        key = row.table.c[row.key]
        known = select(entity_states.c.entity_id).where(
            entity_states.c.entity_name == name, entity_states.c.entity_id == key
        )
        ids = connection.scalars(select(key).where(~exists(known)).order_by(key).limit(at_once)).all()
        if ids:
            return [Entry(one, name) for one in ids]
    return []


def _next(connection: Connection) -> int | None:
    """The position that it goes on from. A log begins once, whatever the counter says."""
    value: int | None = connection.scalar(select(counters.c.value).where(counters.c.name == LOG_BEGINS))
    return None if value is None or older_actions.has_begun(connection) else value


def _set_next(connection: Connection, position: int) -> None:
    connection.execute(update(counters).where(counters.c.name == LOG_BEGINS).values(value=position))
