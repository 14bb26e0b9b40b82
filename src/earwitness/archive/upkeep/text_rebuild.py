"""Rebuilds the text index of an account, a batch at a time, while searches use the older one.

A migration begins a rebuild with a row in `text_rebuilds`, which says how far it has come. After a crash it
goes on from there. Changes meanwhile go to both indexes, so a batch adds only documents that the new index
lacks. When it has all, searches use it from the next transaction on. The older index is kept for searches
that have begun, and then deleted in slices.
"""

from dataclasses import dataclass
from time import monotonic
from typing import Any

from sqlalchemy import Connection, delete, func, or_, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import DropTable

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.database.errors import is_locked
from earwitness.archive.database.in_list import POSITIONS, among, as_list
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.schema.text import text_rebuilds
from earwitness.archive.text.documents import Document
from earwitness.archive.text.index import add, fields_of
from earwitness.archive.text.indexes import NEWER, OLDER
from earwitness.kernel.clock import format_ms, now_ms

LEASE_MS = 8_000

KEPT_FOR_READERS_MS = 120_000
"""How long the older index is kept after the switch: longer than a search may take."""

AT_ONCE = 50
"""Recordings in a batch, if they are short."""
_CHARACTERS_AT_ONCE = 50_000
_FEWEST_CHARACTERS, _MOST_CHARACTERS = 15_000, 300_000
_HELD_SECONDS = 0.05
_TRY_AGAIN_MS = 1_000
_SLICES = (
    ("older_text_content", "id", "id", "true", 400),
    (
        "older_text_data",
        "id",
        "id",
        "id > 10",
        800,
    ),  # rows up to 10 stay: without them the index could not be opened
    ("older_text_docsize", "id", "id", "true", 20_000),
    ("older_text_idx", "(segid, term)", "segid, term", "true", 20_000),
)
"""The tables in which FTS5 keeps an index, their keys, and how many rows of each are deleted at once."""

_row = text_rebuilds.c


@dataclass(slots=True)
class Pace:
    """How much is written at once: recordings with about as many characters as take 50 ms.

    Other writers of the account wait that long. The cost of a character depends on the machine, its load and
    the size of the index, so it is learned from the last batch. A longer recording is a batch by itself.
    """

    recordings: int = AT_ONCE
    characters: int = _CHARACTERS_AT_ONCE
    written: int = 0
    """How many recordings the last batch had."""

    @property
    def read_ahead(self) -> int:
        """How many recordings to read for the next batch: if few fitted last time, few will fit again."""
        return min(self.recordings, 2 * self.written or self.recordings)

    def learn(self, characters: int, seconds: float) -> None:
        """Learn from the last batch: how much it was, and how long others had to wait for it."""
        fits = characters * _HELD_SECONDS / max(seconds, 0.001)
        nearby = min(max(fits, self.characters / 2), self.characters * 1.25)
        self.characters = int(min(max(nearby, _FEWEST_CHARACTERS), _MOST_CHARACTERS))


@dataclass(frozen=True, slots=True)
class _Batch:
    documents: dict[int, Document]
    characters: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rebuild has come: the recordings in the new index, and all recordings."""

    queued_at: int
    done: int
    total: int
    is_running: bool


def progress(connection: Connection) -> Progress | None:
    """How far the new index is; None if there is no rebuild, or searches use the new index already."""
    state = _state(connection)
    if state is None or state.whole_at is not None:
        return None
    done = select(func.count()).where(recordings.c.position < state.next_position)
    total = select(func.count()).select_from(recordings)
    is_running = state.leased_until is not None and state.leased_until > now_ms()
    return Progress(state.queued_at, connection.scalar(done) or 0, connection.scalar(total) or 0, is_running)


def listed(connection: Connection) -> list[dict[str, object]]:
    """The same, as `queue.list_jobs` tells of jobs. It has no id: there is nothing to retry or drop."""
    found = progress(connection)
    if found is None:
        return []
    queued_at = format_ms(found.queued_at)
    told = f"The text index is being rebuilt: {found.done} of {found.total} recordings."
    return [
        {
            **dict.fromkeys(("id", "step", "interactionId", "thirdPartyId")),
            "kind": "rebuild",
            "state": "running" if found.is_running else "queued",
            "attempts": 0,
            "queuedAt": queued_at,
            "runAt": queued_at,
            "log": [{"at": format_ms(now_ms()), "text": told}],
        }
    ]


def due_at(connection: Connection) -> int | None:
    """When there is something to do; None if nothing is left."""
    state = _state(connection)
    return None if state is None else _due_at(state)


def go_on(archive: Archive, worker: str, pace: Pace | None = None) -> int | None:
    """Do one batch of what is left. Returns when there is more to do; None if nothing is left.

    It does nothing while another worker has the lease.
    """
    pace = pace or Pace()
    with archive.read() as connection:
        state = _state(connection)
        if state is None:
            return None
        if (due := _due_at(state, worker)) > now_ms():
            return due
        batch = _prepare(connection, state.next_position, pace) if state.whole_at is None else None
    try:
        with archive.write() as connection:
            began = monotonic()
            if not _lease(connection, worker, state.next_position):
                return now_ms() + LEASE_MS
            if batch and batch.documents:
                _write(connection, batch.documents)
            elif batch:
                _switch(connection)
            elif _delete_older(connection):
                return None
    except DBAPIError as error:
        if not is_locked(error):
            raise
        return now_ms() + _TRY_AGAIN_MS
    if batch and batch.documents:
        pace.written = len(batch.documents)
        pace.learn(batch.characters, monotonic() - began)
    return now_ms()


def is_left_to(connection: Connection, worker: str) -> bool | None:
    """Whether a worker may go on with the rebuild; None if there is none."""
    state = _state(connection)
    return None if state is None else _left_until(state, worker) is None


def left_until(connection: Connection, worker: str) -> int | None:
    """Until when another worker has the lease; None if it is free, or this worker has it."""
    return _left_until(_state(connection), worker)


def _left_until(state: Any, worker: str) -> int | None:
    if state is None or state.leased_by in (None, worker) or state.leased_until <= now_ms():
        return None
    return int(state.leased_until)


def give_back(archive: Archive, worker: str) -> None:
    """Give the lease back, so that another worker need not wait until it runs out."""
    with archive.write(locked=False) as connection:  # it writes its own lease alone
        end_lease(connection, worker)


def has_lease(connection: Connection, worker: str) -> bool:
    """Whether a worker has the lease."""
    return connection.scalar(select(_row.next_position).where(_row.leased_by == worker)) is not None


def end_lease(connection: Connection, worker: str) -> None:
    """End the lease of a worker that stops or died."""
    mine = update(text_rebuilds).where(_row.leased_by == worker)
    connection.execute(mine.values(leased_by=None, leased_until=None))


def _state(connection: Connection) -> Any:
    return connection.execute(select(text_rebuilds)).one_or_none()


def _due_at(state: Any, worker: str = "") -> int:
    begins = 0 if state.whole_at is None else state.whole_at + KEPT_FOR_READERS_MS
    leased_until = 0 if state.leased_by in (None, worker) else state.leased_until
    return max(begins, leased_until)


def _lease(connection: Connection, worker: str, first: int) -> bool:
    """Take or lengthen the lease, unless another worker has gone on from this position meanwhile."""
    free = or_(_row.leased_by.is_(None), _row.leased_by == worker, _row.leased_until <= now_ms())
    values = {"leased_by": worker, "leased_until": now_ms() + LEASE_MS}
    taken = update(text_rebuilds).where(free, _row.next_position == first).values(values)
    return connection.execute(taken).rowcount == 1


def _prepare(connection: Connection, first: int, pace: Pace) -> _Batch:
    """Read the next documents, before other writers have to wait. None if all are written."""
    onward = select(recordings.c.position).where(recordings.c.position >= first)
    positions = connection.scalars(onward.order_by(recordings.c.position).limit(pace.read_ahead)).all()
    documents: dict[int, Document] = {}
    characters = 0
    for position, texts in sorted(fields_of(connection, positions).items() if positions else ()):
        more = sum(map(len, texts))
        if documents and characters + more > pace.characters:
            break
        characters += more
        documents[position] = Document.of(*texts)
    return _Batch(documents, characters)


def _write(connection: Connection, batch: dict[int, Document]) -> None:
    """Add the documents of a batch whose recordings are still there, and that nobody wrote meanwhile."""
    these = {"positions": as_list(list(batch))}
    there = set(connection.scalars(select(recordings.c.position).where(_IN_BATCH), these))
    written = set(connection.scalars(_WRITTEN[connection.dialect.name], these))
    add(connection, {at: document for at, document in batch.items() if at in there - written})
    connection.execute(update(text_rebuilds).values(next_position=max(batch) + 1))


def _switch(connection: Connection) -> None:
    """Let searches use the new index, which has every recording now, from the next transaction on."""
    connection.execute(update(text_rebuilds).values(whole_at=now_ms(), leased_by=None, leased_until=None))


_IN_BATCH = among(recordings.c.position, POSITIONS)
_WRITTEN = {
    "sqlite": select(NEWER.fts5.c.rowid).where(among(NEWER.fts5.c.rowid, POSITIONS)),
    "postgresql": select(NEWER.parts.c.position).where(among(NEWER.parts.c.position, POSITIONS)),
}


def _delete_older(connection: Connection) -> bool:
    """Delete the older index, or a slice of it. Returns whether all of it is gone."""
    if connection.dialect.name == "sqlite":
        for table, key, columns, which, most in _SLICES:
            slice_ = _SLICE.format(table=table, key=key, columns=columns, which=which)
            if connection.execute(text(slice_), {"most": most}).rowcount:
                return False
        connection.execute(DropTable(OLDER.fts5))
    else:
        # DROP TABLE waits for readers of recordings, and others wait for it: so it waits only briefly.
        connection.execute(text("SET LOCAL lock_timeout = '100ms'"))
        connection.execute(DropTable(OLDER.parts))
    connection.execute(delete(text_rebuilds))
    return True


_SLICE = "DELETE FROM {table} WHERE {key} IN (SELECT {columns} FROM {table} WHERE {which} LIMIT :most)"
