"""Removes checkpoints that nobody was given: workers sign one a second, and who asks gets the newest.

The tree proves all the same that the log of any size is the beginning of the newest.
"""

from time import monotonic

from sqlalchemy import Connection, delete, func, select

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.schema.dialects import insert_into
from earwitness.archive.schema.ledger import ledger_checkpoints
from earwitness.archive.schema.people import LOG_THINNED, counters
from earwitness.kernel.clock import now_ms

_KEPT_MS = 3_600_000
_AT_ONCE = 1_000
_LOOKED_SECONDS = 600.0


def thin(archive: Archive) -> bool:
    """Remove some that are older than an hour, and look for them every ten minutes. Returns if more are."""
    if monotonic() - archive.log.thinned_at < _LOOKED_SECONDS:
        return False
    with archive.read() as connection:
        thinned, last, count = _next(connection)
    if last is not None:
        kept = ledger_checkpoints.c
        these = kept.size > thinned, kept.size <= last, kept.given_at.is_(None)
        with archive.write(locked=False) as connection:  # nobody else writes these rows
            connection.execute(delete(ledger_checkpoints).where(*these))
            _note(connection, last)
    if count == _AT_ONCE:
        return True
    archive.log.thinned_at = monotonic()
    return False


def _next(connection: Connection) -> tuple[int, int | None, int]:
    """After which size to go on, up to which, and how many are between. The newest one stays."""
    thinned = connection.scalar(select(counters.c.value).where(counters.c.name == LOG_THINNED)) or 0
    kept = ledger_checkpoints.c
    newest = select(func.max(kept.size)).scalar_subquery()
    old = select(kept.size).where(
        kept.size > thinned, kept.size < newest, kept.signed_at < now_ms() - _KEPT_MS
    )
    sizes = connection.scalars(old.order_by(kept.size).limit(_AT_ONCE)).all()
    return thinned, sizes[-1] if sizes else None, len(sizes)


def _note(connection: Connection, size: int) -> None:
    noted = insert_into(counters, connection.dialect.name).values(name=LOG_THINNED, value=size)
    same = noted.on_conflict_do_update(index_elements=["name"], set_={"value": noted.excluded.value})
    connection.execute(same)
