"""Puts many recordings into legal holds and playlists, or takes them out: a statement for all of them.

Each also gets its row in the ledger, by a statement. `collections.py` does the same for few, which a call
names one by one. Conditions on positions bound each table: else PostgreSQL may read all of one to join it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, delete, literal, select

from earwitness.archive.database.in_list import among
from earwitness.archive.ledger import ledger
from earwitness.archive.recordings.collections import Kind, change_metadata, collection_row, note_members
from earwitness.archive.schema.dialects import insert_into
from earwitness.archive.schema.recordings import recordings

_position = recordings.c.position
_COUNTED = {"preserve_rowcount": True}  # else SQLAlchemy does not tell how many rows an INSERT wrote


@dataclass(frozen=True, slots=True)
class Under:
    """Under which header the rows in the ledger are written, and the status of the call that it is about."""

    header: int
    response_code: int = 200


def put_all_in(
    connection: Connection, kind: Kind, collection_id: int, positions: Sequence[int], under: Under
) -> None:
    """Put the recordings at these positions into a collection that has not ended, unless they are in it."""
    row = collection_row(connection, kind, collection_id)
    here = kind.members.c
    within = min(positions), max(positions)
    these = and_(among(_position, positions), _position.between(*within))
    member = select(here.position).where(
        here[kind.key] == collection_id, here.position == _position, here.position.between(*within)
    )
    metadata = change_metadata(kind, row, "added")
    ledger.append_for_recordings(
        connection, under.header, and_(these, ~member.exists()), metadata, under.response_code
    )
    new = select(literal(collection_id), _position).where(these)
    into = insert_into(kind.members, connection.dialect.name).from_select([kind.key, "position"], new)
    added = connection.execute(into.on_conflict_do_nothing(), execution_options=_COUNTED).rowcount
    note_members(connection, kind, collection_id, added)


def take_all_out(
    connection: Connection,
    kind: Kind,
    collection_id: int,
    within: tuple[int, int],
    under: Under,
    which: Sequence[int] | None = None,
) -> None:
    """Take members between two positions out of a collection, even if it has ended: all, or only `which`."""
    row = collection_row(connection, kind, collection_id, ended=True)
    here = kind.members.c
    named = () if which is None else (among(here.position, which),)
    members = and_(here[kind.key] == collection_id, here.position.between(*within), *named)
    these = and_(_position.in_(select(here.position).where(members)), _position.between(*within))
    metadata = change_metadata(kind, row, "removed")
    ledger.append_for_recordings(connection, under.header, these, metadata, under.response_code)
    removed = connection.execute(delete(kind.members).where(members)).rowcount
    note_members(connection, kind, collection_id, -removed)
