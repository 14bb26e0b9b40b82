"""Compares the receipts of an account with its database, and raises an alarm for what is missing."""

import logging
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, Engine, func, select, update

from earwitness.archive.database.transactions import reading, writing
from earwitness.archive.receipts.alarm import change, raise_alarm
from earwitness.archive.receipts.missing import BATCH, batches, missing_among
from earwitness.archive.receipts.written import Mark, Receipt, Receipts
from earwitness.archive.schema.people import counters

log = logging.getLogger(__name__)

OTHERS_IN_FLIGHT = 10_000
"""After a loss, ids continue this far beyond the newest known here: other machines may have given more."""


def compare(
    engine: Engine, client_id: int, receipts: Receipts, *, whole: bool = False, batch: int = BATCH
) -> int:
    """Compare the receipts with the database: those since the last time, or all.

    Raises an alarm for what is missing. Returns how many lines could not be read. Raises OSError, and what
    the database raises.
    """
    if not receipts.folder.is_dir():
        return 0
    newest = receipts.newest()
    with reading(engine) as connection:
        went_back = (_counter(connection) or 0) < newest
        timeline_now = timeline(connection)
    mark = receipts.mark()
    read, reached = receipts.read(whole=whole or went_back or timeline_now != mark.timeline)
    reached = Mark(reached.inode, reached.size_bytes, timeline_now)
    missing: list[Receipt] = []
    for some in batches(read.receipts, batch):
        with reading(engine) as connection:
            missing += missing_among(connection, some)
    if went_back:
        with writing(engine) as connection:
            _raise_counter(connection, newest)
    if missing:
        raise_alarm(client_id, receipts, missing)
    elif whole:
        change(receipts)  # replaces a damaged alarm, also if nothing is missing any more
    if read.damaged:
        log.warning("account %s: %s lines of receipts are torn or damaged", client_id, read.damaged)
    if reached != mark and is_on_disk(engine):
        receipts.set_mark(reached)
    return read.damaged


def compare_if_possible(engine: Engine, client_id: int, receipts: Receipts) -> None:
    """The same, but if the database does not answer, leave it to the next start."""
    try:
        compare(engine, client_id, receipts)
    except Exception as error:
        log.warning("account %s: receipts were not compared: %s", client_id, why(error))


def stay_ahead(connection: Connection, receipts: Receipts, newest_id: int) -> None:
    """Raise the counter of ids, `newest_id`, if it lies behind what was acknowledged.

    The account has to be locked since before the counter was read.
    """
    newest = receipts.newest()
    if newest_id < newest:
        receipts.is_ahead = True
        _raise_counter(connection, newest)


def _counter(connection: Connection) -> int | None:
    return connection.scalar(_COUNTER)


_COUNTER = select(counters.c.value).where(counters.c.name == "interaction")


def _raise_counter(connection: Connection, newest: int) -> None:
    is_behind = (counters.c.name == "interaction", counters.c.value < newest)
    others = 0 if connection.dialect.name == "sqlite" else OTHERS_IN_FLIGHT
    connection.execute(update(counters).where(*is_behind).values(value=newest + others))


def timeline(connection: Connection) -> int:
    """A number that tells this database from another in its place; 0 if it is not known.

    For PostgreSQL it is the timeline, with which the names of its logs begin; for SQLite the file's inode.
    """
    if connection.dialect.name == "sqlite":
        return timeline_of_file(Path(connection.engine.url.database or ""))
    if connection.scalar(select(func.pg_is_in_recovery())):
        return 0
    name: str = connection.scalar(select(func.pg_walfile_name(func.pg_current_wal_lsn()))) or "0"
    return int(name[:8], 16)


def timeline_of_file(file: Path) -> int:
    try:
        return file.stat().st_ino
    except OSError:
        return 0


def is_on_disk(engine: Engine) -> bool:
    """Whether all commits are in the database's own file, so that a torn log cannot lose them."""
    if engine.dialect.name != "sqlite":
        return True
    with closing(engine.raw_connection()) as connection:  # SQLite refuses it in a transaction
        busy, written, moved = connection.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return not busy and written == moved


def why(error: Exception) -> str:
    return error.strerror or "" if isinstance(error, OSError) else type(error).__name__
