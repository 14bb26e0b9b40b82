"""The recordings of an account job, where they were worked out when it was ordered.

They are stored in chunks, each in a write of its own, before the job is queued: so no write is long. What
belongs to a job that was never queued, because its process died, is swept.
"""

import sys
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from typing import Any

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from earwitness.archive.access.viewer import Viewer
from earwitness.archive.jobs.account_job_kinds import AccountJobKind
from earwitness.archive.jobs.account_jobs import PREPARING, UNFINISHED, change_prepared, new_row
from earwitness.archive.schema.work import account_job_positions, account_jobs
from earwitness.kernel.clock import now_ms
from earwitness.kernel.errors import Unavailable

CHUNK = 10_000
"""How many positions are in a chunk, at most."""

MOST_WAITING = 100
"""Lists that one user may have stored. Each takes room, and answers look into those of holds."""

_PREPARING_MS = 60_000
_RETRY_SECONDS = 60
_SWEPT_AT_ONCE = 50
_chunks = account_job_positions.c


def begin(
    connection: Connection, kind: AccountJobKind, viewer: Viewer, most_waiting: int = MOST_WAITING
) -> int:
    """Begin a job whose list is stored next, by `add`; `account_jobs.order` queues it. Returns its id.

    Raises Unavailable while too many jobs of this user and kind are not through.
    """
    _check_waiting(connection, kind, viewer, most_waiting)
    values: dict[str, Any] = new_row(kind, viewer)
    values |= {"state": PREPARING, "leased_until": now_ms() + _PREPARING_MS}
    job_id: int = connection.execute(
        insert(account_jobs).values(values).returning(account_jobs.c.id)
    ).scalar_one()
    return job_id


def add(connection: Connection, job_id: int, chunk: int, positions: Sequence[int]) -> None:
    """Store a chunk, numbered from 0. Its positions ascend, and follow those of the chunk before it."""
    change_prepared(connection, job_id, {"leased_until": now_ms() + _PREPARING_MS})
    connection.execute(
        insert(account_job_positions).values(
            job_id=job_id,
            chunk=chunk,
            first_position=positions[0],
            last_position=positions[-1],
            count=len(positions),
            positions=pack(positions),
        )
    )


def _check_waiting(connection: Connection, kind: AccountJobKind, viewer: Viewer, most: int) -> None:
    row = account_jobs.c
    these = row.state.in_((PREPARING, *UNFINISHED)), row.kind == kind, row.ordered_by == viewer.user_id
    waiting = connection.scalar(select(func.count()).select_from(account_jobs).where(*these)) or 0
    if waiting >= most:
        raise Unavailable(
            f"{waiting} changes that you ordered are still to be made; order this one when some are done.",
            code="too-many-jobs",
            headers={"Retry-After": str(_RETRY_SECONDS)},
        )


def next_positions(connection: Connection, job_id: int, after: int | None, most: int) -> list[int]:
    """The next positions of a job's list after one, or from its beginning; none if it has no more."""
    found: list[int] = []
    while len(found) < most:
        later = () if after is None else (_chunks.last_position > after,)
        chunk = select(_chunks.positions).where(_chunks.job_id == job_id, *later)
        packed = connection.scalar(chunk.order_by(_chunks.chunk).limit(1))
        if packed is None:
            break
        listed = list(unpack(packed))
        found += listed if after is None else listed[bisect_right(listed, after) :]
        after = found[-1]
    return found[:most]


def those_in(connection: Connection, job_id: int, positions: Iterable[int]) -> set[int]:
    """Which of some positions are in what is left of a job's list: for the rows that an answer shows."""
    wanted = set(positions)
    if not wanted:
        return set()
    apart = or_(_chunks.last_position < min(wanted), _chunks.first_position > max(wanted))
    rows = connection.execute(
        select(_chunks.chunk, _chunks.first_position, _chunks.last_position).where(
            _chunks.job_id == job_id, ~apart
        )
    ).all()
    found: set[int] = set()
    for row in rows:
        if any(row.first_position <= one <= row.last_position for one in wanted):
            this = select(_chunks.positions).where(_chunks.job_id == job_id, _chunks.chunk == row.chunk)
            found |= wanted & set(unpack(connection.execute(this).scalar_one()))
    return found


def drop(connection: Connection, job_id: int, up_to: int) -> None:
    """Remove the chunks whose positions are all done: those up to one."""
    done = delete(account_job_positions).where(_chunks.job_id == job_id, _chunks.last_position <= up_to)
    connection.execute(done)


def sweep(connection: Connection) -> bool:
    """Remove some of what belongs to jobs that were never queued. Returns whether there may be more."""
    this = account_jobs.c
    is_dead = this.state == PREPARING, this.leased_until <= now_ms()
    job_id = connection.scalar(select(this.id).where(*is_dead).limit(1))
    if job_id is None:
        return False
    # Locks it: a list that is added to at this moment is not dead, and a dead one is not added to any more.
    locked = update(account_jobs).where(this.id == job_id, *is_dead).values(leased_until=0)
    if connection.execute(locked).rowcount == 0:
        return True
    some = select(_chunks.chunk).where(_chunks.job_id == job_id).limit(_SWEPT_AT_ONCE)
    of_job = delete(account_job_positions).where(_chunks.job_id == job_id, _chunks.chunk.in_(some))
    if connection.execute(of_job).rowcount == 0:
        connection.execute(delete(account_jobs).where(this.id == job_id))
    return True


def pack(positions: Sequence[int]) -> bytes:
    """Ascending positions as their differences: 64-bit little-endian integers, compressed by zlib."""
    differences = array("q", [positions[0], *(after - before for before, after in pairwise(positions))])
    if sys.byteorder == "big":
        differences.byteswap()
    return zlib.compress(differences.tobytes(), level=1)


def unpack(packed: bytes) -> Iterable[int]:
    differences = array("q", zlib.decompress(packed))
    if sys.byteorder == "big":
        differences.byteswap()
    return accumulate(differences)
