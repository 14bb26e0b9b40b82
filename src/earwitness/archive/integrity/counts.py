"""Checks that the counts of recordings are those of the recordings, and corrects them."""

from collections.abc import Iterator

from sqlalchemy import Connection, except_, select, union_all

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.integrity.findings import Broken, Damage, Finding, noticing
from earwitness.archive.recordings.counts import SPANS, counted, recount
from earwitness.archive.schema.recordings import recording_counts
from earwitness.kernel.clock import format_ms


def check_counts(archive: Archive) -> Iterator[Finding]:
    """Compare the counts with all recordings, in one snapshot."""
    try:
        with noticing(), archive.read() as connection:
            wrong = _wrong(connection)
    except Broken as broken:
        yield Damage("recording_counts", f"They cannot be compared with recordings: {broken}.")
        return
    if wrong:
        yield Damage(
            "recording_counts",
            f"They are wrong on {len(wrong)} days, first on {format_ms(wrong[0])[:10]}, and so are totals of"
            f" searches. `earwitness db recount {archive.client_id}` corrects them.",
        )


def recount_wrong(archive: Archive) -> int:
    """Count the recordings of each day anew whose counts are wrong, a transaction each. Returns how many."""
    with archive.read() as connection:
        wrong = _wrong(connection)
    for day in wrong:
        with archive.write() as connection:
            recount(connection, day)
    return len(wrong)


def _wrong(connection: Connection) -> list[int]:
    """The days on which a span of days with wrong counts begins, in order."""
    kept = recording_counts
    days: set[int] = set()
    for size in SPANS:
        expected, stored = counted(size), select(kept).where(kept.c.days == size)
        both = union_all(
            except_(expected, stored).subquery().select(), except_(stored, expected).subquery().select()
        )
        days.update(connection.scalars(select(both.subquery().c.starts_at)))
    return sorted(days)
