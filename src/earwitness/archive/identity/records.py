"""What the directory keeps of this archive: ids and check values, each noted when it is seen first."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from sqlalchemy import Engine, Table, select, update
from sqlalchemy.dialects import postgresql, sqlite

from earwitness.archive.database.transactions import reading, writing
from earwitness.archive.schema.directory import identities
from earwitness.kernel.clock import now_ms

Kind: TypeAlias = Literal["installation", "store", "token-key"]


@dataclass(frozen=True, slots=True)
class Noted:
    """An id or a check value, and for a store where it was."""

    value: str
    place: str = ""


def noted(directory: Engine) -> dict[str, Noted]:
    """Everything that is noted, by its kind."""
    with reading(directory) as connection:
        rows = connection.execute(select(identities))
        return {row.kind: Noted(row.value, row.place) for row in rows}


def note_first(directory: Engine, kind: Kind, seen: Noted) -> Noted:
    """Note what is seen, unless somebody did before: what is noted now."""
    with writing(directory) as connection:
        connection.execute(
            insert_new(directory, identities).values(
                kind=kind, value=seen.value, place=seen.place, noted_at=now_ms()
            )
        )
        row = connection.execute(select(identities).where(identities.c.kind == kind)).one()
        return Noted(row.value, row.place)


def note_instead(directory: Engine, kind: Kind, seen: Noted) -> None:
    """Note what is seen in place of what was noted; others may do so at the same time."""
    note_first(directory, kind, seen)
    with writing(directory) as connection:
        connection.execute(
            update(identities)
            .where(identities.c.kind == kind)
            .values(value=seen.value, place=seen.place, noted_at=now_ms())
        )


def insert_new(directory: Engine, table: Table) -> "postgresql.Insert | sqlite.Insert":
    """An insert that leaves alone the rows that are there."""
    if directory.dialect.name == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    return postgresql.insert(table).on_conflict_do_nothing()
