"""What is checked of an account each day: how far it is, who does it, and what it found.

A thirtieth is due each day, so that all is checked in a month. One worker at a time has a lease of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from sqlalchemy import Connection, insert, select, update

from earwitness.archive.schema.ledger import ledger_leaves
from earwitness.archive.schema.work import audit_headers, daily_checks
from earwitness.kernel.clock import now_ms

CheckKind = Literal["ledger", "media"]
CHECK_KINDS: Sequence[CheckKind] = get_args(CheckKind)

DAYS = 30
DAY_MS = 86_400_000
MOST_DIFFERENCES = 100
"""So many are named in the ledger; the others are counted."""

_LEASE_MS = 600_000

_check = daily_checks.c


@dataclass(slots=True)
class Progress:
    """A day that is not through: how many of each part are left, and what was found."""

    left: dict[str, int]
    checked: int = 0
    differing: int = 0
    differences: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Today:
    """A check that this worker has."""

    kind: CheckKind
    cursors: dict[str, int]
    """Where each part goes on."""
    progress: Progress | None


def due_at(connection: Connection) -> int | None:
    """When the next check is due: the first ones a day after the log began. None before that."""
    kept: dict[str, int] = dict(connection.execute(select(_check.kind, _check.due_at)).all())
    first = _first_due(connection)
    times = [kept.get(kind, first) for kind in CHECK_KINDS]
    return min((at for at in times if at is not None), default=None)


def _first_due(connection: Connection) -> int | None:
    began = select(audit_headers.c.inserted_at).join(
        ledger_leaves, ledger_leaves.c.audit_header_id == audit_headers.c.id
    )
    at = connection.scalar(began.where(ledger_leaves.c.leaf_index == 0))
    return None if at is None else int(at) + DAY_MS


def is_due(connection: Connection) -> bool:
    at = due_at(connection)
    return at is not None and at <= now_ms()


def take(connection: Connection, worker: str) -> Today | None:
    """Lease a check that is due, in a write; None if other workers have what is due."""
    now = now_ms()
    kept = {row.kind: row for row in connection.execute(select(daily_checks).with_for_update())}
    for kind in CHECK_KINDS:
        row = kept.get(kind)
        if row is None:
            first = _first_due(connection)
            if first is None or first > now:
                continue
            connection.execute(insert(daily_checks).values(kind=kind, due_at=first, cursors={}))
        elif row.due_at > now or (row.leased_by not in (None, worker) and row.leased_until > now):
            continue
        lease = {"leased_by": worker, "leased_until": now + _LEASE_MS}
        connection.execute(update(daily_checks).where(_check.kind == kind).values(lease))
        progress = Progress(**row.progress) if row is not None and row.progress else None
        return Today(kind, dict(row.cursors) if row is not None else {}, progress)
    return None


def keep(connection: Connection, today: Today, worker: str) -> None:
    """Keep how far a check is, and the lease."""
    mine = (_check.kind == today.kind) & (_check.leased_by == worker)
    progress = None if today.progress is None else asdict(today.progress)
    values = {"cursors": today.cursors, "progress": progress, "leased_until": now_ms() + _LEASE_MS}
    connection.execute(update(daily_checks).where(mine).values(values))


def end(connection: Connection, today: Today, progress: Progress, worker: str) -> bool:
    """Note that the day is through, and when the next is due. Returns whether it was this worker's."""
    now = now_ms()
    mine = (_check.kind == today.kind) & (_check.leased_by == worker)
    values = {
        "cursors": today.cursors,
        "progress": None,
        "due_at": now + DAY_MS,
        "leased_by": None,
        "leased_until": None,
        "ended_at": now,
        "checked": progress.checked,
        "differing": progress.differing,
    }
    return connection.execute(update(daily_checks).where(mine).values(values)).rowcount == 1


def left_until(connection: Connection, worker: str) -> int | None:
    """Until when another worker has what is due; None if nobody has."""
    until: int | None = connection.scalar(
        select(_check.leased_until)
        .where(_check.leased_by.is_not(None), _check.leased_by != worker, _check.leased_until > now_ms())
        .order_by(_check.leased_until)
        .limit(1)
    )
    return until


def give_back(connection: Connection, worker: str) -> None:
    mine = update(daily_checks).where(_check.leased_by == worker)
    connection.execute(mine.values(leased_by=None, leased_until=None))


def has_leases(connection: Connection, worker: str) -> bool:
    return connection.scalar(select(_check.kind).where(_check.leased_by == worker).limit(1)) is not None


def results(connection: Connection) -> Mapping[str, dict[str, Any]]:
    """The last day of each kind: when it ended (ms), how many were checked, and how many differ."""
    rows = connection.execute(select(daily_checks).where(_check.ended_at.is_not(None)).order_by(_check.kind))
    return {
        row.kind: {"at": row.ended_at, "checked": row.checked, "differing": row.differing} for row in rows
    }
