"""Checks that the counts of recordings, and of those in holds and playlists, are right, and corrects them."""

from collections.abc import Iterator

from sqlalchemy import Connection, ScalarSelect, except_, func, select, union_all, update

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.integrity.findings import Broken, Damage, Finding, noticing
from earwitness.archive.recordings.collections import KINDS, Kind
from earwitness.archive.recordings.counts import SPANS, counted, recount
from earwitness.archive.schema.recordings import recording_counts
from earwitness.kernel.clock import format_ms


def check_counts(archive: Archive) -> Iterator[Finding]:
    """Compare the counts with recordings and with members of holds and playlists, in one snapshot."""
    try:
        with noticing(), archive.read() as connection:
            wrong = _wrong(connection)
            collections = _wrong_collections(connection)
    except Broken as broken:
        yield Damage("recording_counts", f"They cannot be compared with recordings: {broken}.")
        return
    if wrong:
        yield Damage(
            "recording_counts",
            f"They are wrong on {len(wrong)} days, first on {format_ms(wrong[0])[:10]}, and so are totals of"
            f" searches. `earwitness db recount {archive.client_id}` corrects them.",
        )

    for kind, id_ in collections:
        yield Damage(
            kind.catalogue.name,
            f"The count of the recordings in the {kind.title} {id_} is wrong."
            f" `earwitness db recount {archive.client_id}` corrects it.",
        )


def recount_wrong(archive: Archive) -> tuple[int, int]:
    """Count anew what is wrong, a transaction each. Returns how many days, and holds and playlists."""
    with archive.read() as connection:
        wrong = _wrong(connection)
        collections = _wrong_collections(connection)
    for day in wrong:
        with archive.write() as connection:
            recount(connection, day)
    for kind, id_ in collections:
        with archive.write() as connection:
            this = update(kind.catalogue).where(kind.catalogue.c.id == id_)
            connection.execute(this.values(recordings=_members(kind)))
    return len(wrong), len(collections)


def _members(kind: Kind) -> ScalarSelect[int]:
    """How many recordings are in a row of the kind's catalogue."""
    counted = select(func.count()).select_from(kind.members)
    return counted.where(kind.members.c[kind.key] == kind.catalogue.c.id).scalar_subquery()


def _wrong_collections(connection: Connection) -> list[tuple[Kind, int]]:
    """The holds and playlists whose count is not that of their members."""
    return [
        (kind, id_)
        for kind in KINDS
        for id_ in connection.scalars(
            select(kind.catalogue.c.id).where(kind.catalogue.c.recordings != _members(kind))
        )
    ]


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
