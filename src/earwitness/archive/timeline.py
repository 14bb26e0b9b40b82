"""The timeline of an account: positions and ids, handed out in the order of commits.

Whoever takes a place holds the account's counter until the transaction ends, so that on PostgreSQL, as
on SQLite, a lower `interactionId` was always committed earlier. See `docs/decisions/`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, func, select, update

from earwitness.archive.schema.people import counters
from earwitness.archive.schema.recordings import recordings

TIE_BITS = 20


def first_position(moment_ms: int) -> int:
    """The first position of a millisecond: what starts at or after it lies at or after this."""
    return moment_ms << TIE_BITS


@dataclass(frozen=True, slots=True)
class Window:
    """Starts from one moment on, before another, in milliseconds; either end may be missing.

    `after` and `before` are positions inside it, past which a page begins: each takes the place of an end,
    since a database uses one bound of an index and checks the other row by row.
    """

    start_ms: int | None = None
    end_ms: int | None = None
    after: int | None = None
    before: int | None = None

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
            yield started_at >= int(self.start_ms)
        if self.end_ms is not None:
            yield started_at < int(self.end_ms)


def one_at_a_time(connection: Connection) -> None:
    """Wait for the account's other writers: what is looked up and then added is added once."""
    connection.execute(select(counters.c.value).where(counters.c.name == "interaction").with_for_update())


def take_place(connection: Connection, started_at: int) -> tuple[int, int]:
    """The position and the interactionId of a new recording. Call `one_at_a_time` before."""
    first = first_position(started_at)
    latest = connection.scalar(
        select(func.max(recordings.c.position)).where(
            recordings.c.position >= first, recordings.c.position < first_position(started_at + 1)
        )
    )
    interaction_id = connection.execute(
        update(counters)
        .where(counters.c.name == "interaction")
        .values(value=counters.c.value + 1)
        .returning(counters.c.value)
    ).scalar_one()
    return (first if latest is None else latest + 1), int(interaction_id)
