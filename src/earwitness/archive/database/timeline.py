"""The timeline of an account: positions and ids, handed out in the order of commits.

A transaction that writes holds the account's counter until it ends. So a lower `interactionId` was always
committed earlier, on PostgreSQL as on SQLite. See `docs/decisions/0003-interaction-ids-in-commit-order.md`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Text, bindparam, func, select, update

from earwitness.archive.database.engines import KEEPS_ITS_PLAN
from earwitness.archive.database.in_list import as_list, each
from earwitness.archive.schema.people import counters
from earwitness.archive.schema.recordings import recordings

TIE_BITS = 20


Milliseconds = TypeVar("Milliseconds", int, ColumnElement[int])


def first_position(moment_ms: Milliseconds) -> Milliseconds:
    """The first position of a millisecond. Recordings that start then or later have this or a higher one."""
    return moment_ms * (1 << TIE_BITS)


def moment_of(position: int) -> int:
    """The millisecond in which the recording at a position starts."""
    return position >> TIE_BITS


@dataclass(frozen=True, slots=True)
class Window:
    """A window of start times: from one moment on, before another, in milliseconds. Either may be missing.

    `after` and `before` are positions inside the window where a page begins. Each replaces an end of the
    window: of two bounds on the same side, a database uses one with its index and checks the other by row.
    """

    start_ms: int | None = None
    end_ms: int | None = None
    after: int | None = None
    before: int | None = None

    @property
    def bounds(self) -> dict[str, Any]:
        """The bounds that are set, by their names."""
        named = ((bound.name, getattr(self, bound.name)) for bound in fields(self))
        return {name: bound for name, bound in named if bound is not None}

    def on(self, position: ColumnElement[int]) -> Iterator[ColumnElement[bool]]:
        """The conditions on a column of positions."""
        if self.after is not None:
            yield position > self.after
        elif self.start_ms is not None:
            yield position >= first_position(self.start_ms)
        if self.before is not None:
            yield position < self.before
        elif self.end_ms is not None:
            yield position < first_position(self.end_ms)

    def on_start(self, started_at: ColumnElement[int]) -> Iterator[ColumnElement[bool]]:
        """The conditions on a column of starts."""
        if self.start_ms is not None:
            yield started_at >= self.start_ms
        if self.end_ms is not None:
            yield started_at < self.end_ms


def lock_account(connection: Connection) -> None:
    """Wait for the account's other writers, and hold up later ones: `Archive.write` begins with it.

    It is the first lock of each transaction that takes it, so that no two wait for each other. On SQLite a
    transaction that writes holds all of the account from its beginning.
    """
    if connection.dialect.name != "sqlite":
        connection.scalar(_LOCK)


_LOCK = (
    select(counters.c.value)
    .where(counters.c.name == "interaction")
    .with_for_update()
    .execution_options(**KEEPS_ITS_PLAN)
)


def take_places(
    connection: Connection, starts: Sequence[int], latest: dict[int, int | None] | None = None
) -> list[tuple[int, int]]:
    """The position and the interactionId of each new recording. The account has to be locked.

    `latest` is `LATEST_POSITION` of each start, if the caller has looked it up.
    """
    if latest is None:
        latest = dict(connection.execute(_LATEST, {"starts": as_list(starts)}).all())
    newest = connection.execute(_NUMBERED, {"count": len(starts)}).scalar_one()
    places: list[tuple[int, int]] = []
    for interaction_id, start in enumerate(starts, start=newest - len(starts) + 1):
        last = latest[start]
        position = first_position(start) if last is None else last + 1
        latest[start] = position
        places.append((position, interaction_id))
    return places


START = each(bindparam("starts", type_=Text))
LATEST_POSITION = (
    select(func.max(recordings.c.position))
    .where(recordings.c.position >= first_position(START), recordings.c.position < first_position(START + 1))
    .scalar_subquery()
)
"""The highest position of the millisecond `START`, if there is one."""
_LATEST = select(START, LATEST_POSITION)
NEWEST_ID = select(counters.c.value).where(counters.c.name == "interaction").scalar_subquery()
"""The highest interactionId that was given."""
_NUMBERED = (
    update(counters)
    .where(counters.c.name == "interaction")
    .values(value=counters.c.value + bindparam("count"))
    .returning(counters.c.value)
    .execution_options(**KEEPS_ITS_PLAN)
)


def newest_committed_id(connection: Connection) -> int:
    """The highest interactionId that is committed. All lower ones are, too: ids follow commits."""
    return connection.scalar(_NEWEST) or 0


_NEWEST = select(func.max(recordings.c.interaction_id)).correlate(None).execution_options(**KEEPS_ITS_PLAN)
NEWEST_COMMITTED_ID = _NEWEST.scalar_subquery()
"""The same, as a column of another statement."""
