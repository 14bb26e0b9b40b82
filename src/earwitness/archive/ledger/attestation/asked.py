"""Who attests a log, when each was last asked, and what each said.

All servers of an archive together ask each party once an hour, if there is something new or it failed: who
asks notes that first.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from sqlalchemy import Connection, func, or_, select, update

from earwitness.archive.ledger.attestation.configured import witnesses_of
from earwitness.archive.schema.dialects import insert_into
from earwitness.archive.schema.ledger import ledger_asked, ledger_attestations, ledger_checkpoints
from earwitness.kernel.settings import Settings

EVERY_MS = 3_600_000

_SET_BACK_MS = 60_000
"""The clocks of two servers may differ by less. If the last time is further ahead, the clock was set back."""

_NOT_YET = "it has not answered yet"


@dataclass(frozen=True, slots=True)
class Party:
    """Who attests. The `line` is one in the log of the server, which others may collect."""

    kind: Literal["line", "cosignature", "timestamp"]
    name: str


LINE = Party("line", "")


def outside_parties(settings: Settings) -> list[Party]:
    """The witnesses and the timestamp authority that the settings name. Raises SettingError."""
    parties = [Party("cosignature", one.key.name) for one in witnesses_of(settings)]
    return [*parties, authority_of(settings)] if settings.tsa else parties


def authority_of(settings: Settings) -> Party:
    return Party("timestamp", urlsplit(settings.tsa).hostname or "tsa")


def due_at(connection: Connection, settings: Settings, now: int) -> int | None:
    """When the next party is to be asked about the newest checkpoint; None if none is."""
    return min((at for _, at in _next_asked(connection, settings, now)), default=None)


def due(connection: Connection, settings: Settings, now: int) -> list[Party]:
    return [party for party, at in _next_asked(connection, settings, now) if at <= now]


def claim(connection: Connection, parties: list[Party], now: int) -> list[Party]:
    """Note that parties are asked now. Returns those that no other server asked meanwhile."""
    return [party for party in parties if _claim(connection, party, now)]


def keep(connection: Connection, party: Party, size: int, content: bytes, at: int) -> None:
    """Keep what a party said of the checkpoint of a size."""
    added = insert_into(ledger_attestations, connection.dialect.name).values(
        size=size, kind=party.kind, name=party.name, content=content, at=at
    )
    latest = {"content": added.excluded.content, "at": added.excluded.at}
    connection.execute(added.on_conflict_do_update(index_elements=["size", "kind", "name"], set_=latest))
    note_trouble(connection, party, "")


def note_trouble(connection: Connection, party: Party, trouble: str) -> None:
    """Note why a party attested nothing; empty if it did."""
    connection.execute(update(ledger_asked).where(*_is(party)).values(trouble=trouble))


def attested(connection: Connection) -> list[dict[str, Any]]:
    """What each outside party said last, as JSON: `kind`, `name`, `at` (ms), `size`, `trouble`.

    A party that never attested has no `at`, and the size 0.
    """
    kept, asked = ledger_attestations.c, ledger_asked.c
    last = (
        select(kept.kind, kept.name, func.max(kept.at).label("at"), func.max(kept.size).label("size"))
        .group_by(kept.kind, kept.name)
        .subquery("last")
    )
    rows = connection.execute(
        select(asked.kind, asked.name, last.c.at, func.coalesce(last.c.size, 0).label("size"), asked.trouble)
        .outerjoin(last, (last.c.kind == asked.kind) & (last.c.name == asked.name))
        .where(asked.kind != LINE.kind)
        .order_by(asked.kind, asked.name)
    )
    return [dict(row) for row in rows.mappings()]


def _next_asked(connection: Connection, settings: Settings, now: int) -> Iterator[tuple[Party, int]]:
    newest = connection.scalar(select(func.max(ledger_checkpoints.c.signed_at)))
    if newest is None:
        return
    asked = {(row.kind, row.name): row for row in connection.execute(select(ledger_asked))}
    for party in (LINE, *outside_parties(settings)):
        last = asked.get((party.kind, party.name))
        if last is None or last.asked_at > now + _SET_BACK_MS:
            yield party, now
        elif newest > last.asked_at or last.trouble:
            yield party, last.asked_at + EVERY_MS


def _claim(connection: Connection, party: Party, now: int) -> bool:
    added = insert_into(ledger_asked, connection.dialect.name).values(
        kind=party.kind, name=party.name, asked_at=now, trouble=_NOT_YET
    )
    asked_at = ledger_asked.c.asked_at
    taken = added.on_conflict_do_update(
        index_elements=["kind", "name"],
        set_={"asked_at": added.excluded.asked_at},
        where=or_(asked_at <= now - EVERY_MS, asked_at > now + _SET_BACK_MS),
    )
    return connection.execute(taken.returning(ledger_asked.c.kind)).one_or_none() is not None


def _is(party: Party) -> tuple[Any, Any]:
    return ledger_asked.c.kind == party.kind, ledger_asked.c.name == party.name
