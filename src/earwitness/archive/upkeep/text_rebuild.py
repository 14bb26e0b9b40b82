"""Writing the text index of an account anew, a batch at a time, while the older one answers.

An upgrade begins it by a row of `text_rebuilds`, which says how far it has come: whoever goes on after a
crash does so from there. What is written meanwhile by others is written to both indexes, so that a batch
adds only what is not there. When all is, searches ask the new index from the next transaction on; the older
one is kept for those that have begun, and then taken away in slices.
"""

from dataclasses import dataclass
from time import monotonic
from typing import Any

from sqlalchemy import Connection, delete, func, or_, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import DropTable

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.database.engines import is_locked
from earwitness.archive.database.in_list import POSITIONS, among, as_list
from earwitness.archive.database.timeline import lock_account
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.schema.text import text_rebuilds
from earwitness.archive.text.documents import Document
from earwitness.archive.text.index import add, fields_of
from earwitness.archive.text.indexes import NEWER, OLDER
from earwitness.kernel.clock import format_ms, now_ms

LEASE_MS = 8_000

KEPT_FOR_READERS_MS = 120_000
"""How long the older index is kept after the last search that began with it: more than one may take."""

AT_ONCE = 50
"""Recordings in a batch, unless they are long."""
_CHARACTERS_AT_ONCE = 50_000
_FEWEST_CHARACTERS, _MOST_CHARACTERS = 15_000, 300_000
_HELD_SECONDS = 0.05
_TRY_AGAIN_MS = 1_000
_SLICES = (
    ("older_text_content", "id", "id", "true", 400),
    ("older_text_data", "id", "id", "id > 10", 800),  # without those up to 10 it could not be opened
    ("older_text_docsize", "id", "id", "true", 20_000),
    ("older_text_idx", "(segid, term)", "segid, term", "true", 20_000),
)
"""The tables that FTS5 keeps an index in, their keys, and how many rows of each are taken away at once."""

_row = text_rebuilds.c


@dataclass(slots=True)
class Pace:
    """How much is written at once: as many recordings, of as many characters as take about 50 ms.

    Other writers of the account wait that long. What a character costs depends on the machine, its load and
    the size of the index, so that it follows from the last batch; a recording that is longer is one alone.
    """

    recordings: int = AT_ONCE
    characters: int = _CHARACTERS_AT_ONCE
    written: int = 0
    """How many recordings the last batch had."""

    @property
    def read_ahead(self) -> int:
        """How many recordings are read for the next: of long ones few fit, and others are read again."""
        return min(self.recordings, 2 * self.written or self.recordings)

    def learn(self, characters: int, seconds: float) -> None:
        """Take the last batch into account: how much it was, and how long others had to wait for it."""
        fits = characters * _HELD_SECONDS / max(seconds, 0.001)
        nearby = min(max(fits, self.characters / 2), self.characters * 1.25)
        self.characters = int(min(max(nearby, _FEWEST_CHARACTERS), _MOST_CHARACTERS))


@dataclass(frozen=True, slots=True)
class _Batch:
    documents: dict[int, Document]
    characters: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rebuild has come: recordings that are in the new index, of all that there are."""

    queued_at: int
    done: int
    total: int
    is_running: bool


def progress(connection: Connection) -> Progress | None:
    """How far the index is that does not answer yet; None where there is none."""
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
    told = f"The text index is written anew: {found.done} of {found.total} recordings."
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
    """When there is something to do; None where nothing is left."""
    state = _state(connection)
    return None if state is None else _due_at(state)


def go_on(archive: Archive, worker: str, pace: Pace | None = None) -> int | None:
    """Do a piece of what is left; answers when there is more to do, None where nothing is left.

    A rebuild that another worker has the lease of is left to it.
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
            lock_account(connection)
            began = monotonic()
            if not _lease(connection, worker, state.next_position):
                return now_ms() + LEASE_MS
            if batch and batch.documents:
                _write(connection, batch.documents)
            elif batch:
                _switch(connection)
            elif _take_away(connection):
                return None
    except DBAPIError as error:
        if not is_locked(error):
            raise
        return now_ms() + _TRY_AGAIN_MS
    if batch and batch.documents:
        pace.written = len(batch.documents)
        pace.learn(batch.characters, monotonic() - began)
    return now_ms()


def left_until(connection: Connection, worker: str) -> int | None:
    """Until when another worker has the lease; None where it is free, or this one's."""
    state = _state(connection)
    if state is None or state.leased_by in (None, worker) or state.leased_until <= now_ms():
        return None
    return int(state.leased_until)


def give_back(archive: Archive, worker: str) -> None:
    """Leave a rebuild to others, who need not wait for the lease to run out."""
    with archive.write() as connection:
        mine = update(text_rebuilds).where(_row.leased_by == worker)
        connection.execute(mine.values(leased_by=None, leased_until=None))


def _state(connection: Connection) -> Any:
    return connection.execute(select(text_rebuilds)).one_or_none()


def _due_at(state: Any, worker: str = "") -> int:
    begins = 0 if state.whole_at is None else state.whole_at + KEPT_FOR_READERS_MS
    leased_until = 0 if state.leased_by in (None, worker) else state.leased_until
    return max(begins, leased_until)


def _lease(connection: Connection, worker: str, first: int) -> bool:
    """Take or lengthen the lease, if nobody went on from this position meanwhile."""
    free = or_(_row.leased_by.is_(None), _row.leased_by == worker, _row.leased_until <= now_ms())
    values = {"leased_by": worker, "leased_until": now_ms() + LEASE_MS}
    taken = update(text_rebuilds).where(free, _row.next_position == first).values(values)
    return connection.execute(taken).rowcount == 1


def _prepare(connection: Connection, first: int, pace: Pace) -> _Batch:
    """The next documents, read while nobody waits: none when all are written."""
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
    """Add those of a batch that nobody wrote meanwhile, and whose recordings are still there."""
    these = {"positions": as_list(list(batch))}
    there = set(connection.scalars(select(recordings.c.position).where(_IN_BATCH), these))
    written = set(connection.scalars(_WRITTEN[connection.dialect.name], these))
    add(connection, {at: document for at, document in batch.items() if at in there - written})
    connection.execute(update(text_rebuilds).values(next_position=max(batch) + 1))


def _switch(connection: Connection) -> None:
    """Let searches ask the new index, which has every recording by now, from the next one on."""
    connection.execute(update(text_rebuilds).values(whole_at=now_ms(), leased_by=None, leased_until=None))


_IN_BATCH = among(recordings.c.position, POSITIONS)
_WRITTEN = {
    "sqlite": select(NEWER.fts5.c.rowid).where(among(NEWER.fts5.c.rowid, POSITIONS)),
    "postgresql": select(NEWER.parts.c.position).where(among(NEWER.parts.c.position, POSITIONS)),
}


def _take_away(connection: Connection) -> bool:
    """Take away what nobody reads any more, or a slice of it; says whether all is gone."""
    if connection.dialect.name == "sqlite":
        for table, key, columns, which, most in _SLICES:
            slice_ = _SLICE.format(table=table, key=key, columns=columns, which=which)
            if connection.execute(text(slice_), {"most": most}).rowcount:
                return False
        connection.execute(DropTable(OLDER.fts5))
    else:
        # It waits for those who read recordings, and meanwhile others wait for it: so not for long.
        connection.execute(text("SET LOCAL lock_timeout = '100ms'"))
        connection.execute(DropTable(OLDER.parts))
    connection.execute(delete(text_rebuilds))
    return True


_SLICE = "DELETE FROM {table} WHERE {key} IN (SELECT {columns} FROM {table} WHERE {which} LIMIT :most)"
