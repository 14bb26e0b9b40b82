"""The ids and check values of this archive in the directory, each noted when it is first seen."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from sqlalchemy import Engine, Insert, Table, select, update

from earwitness.archive.database.transactions import reading, writing
from earwitness.archive.schema.dialects import insert_into
from earwitness.archive.schema.directory import identities
from earwitness.kernel.clock import now_ms

Kind: TypeAlias = Literal["installation", "store", "token-key", "ledger-key"]


@dataclass(frozen=True, slots=True)
class Noted:
    """An id or a check value, and of a store also its place."""

    value: str
    place: str = ""


def noted(directory: Engine) -> dict[str, Noted]:
    """Everything that is noted, by its kind."""
    with reading(directory) as connection:
        rows = connection.execute(select(identities))
        return {row.kind: Noted(row.value, row.place) for row in rows}


def note_first(directory: Engine, kind: Kind, seen: Noted) -> Noted:
    """Note what is seen, unless something is noted already. Returns what is noted now."""
    with writing(directory) as connection:
        connection.execute(
            insert_new(directory, identities).values(
                kind=kind, value=seen.value, place=seen.place, noted_at=now_ms()
            )
        )
        row = connection.execute(select(identities).where(identities.c.kind == kind)).one()
        return Noted(row.value, row.place)


def note_instead(directory: Engine, kind: Kind, seen: Noted) -> None:
    """Note what is seen in place of what was noted. Other processes may do the same meanwhile."""
    note_first(directory, kind, seen)
    with writing(directory) as connection:
        connection.execute(
            update(identities)
            .where(identities.c.kind == kind)
            .values(value=seen.value, place=seen.place, noted_at=now_ms())
        )


def insert_new(directory: Engine, table: Table) -> Insert:
    """An insert that leaves existing rows as they are."""
    return insert_into(table, directory.dialect.name).on_conflict_do_nothing()
