"""Puts many recordings into legal holds and playlists, or takes them out: a statement for all of them.

Each also gets its row in the ledger, by a statement. `collections.py` does the same for few, which a call
names one by one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, delete, literal, select
from sqlalchemy.dialects import postgresql, sqlite

from earwitness.archive.database.in_list import among
from earwitness.archive.ledger import ledger
from earwitness.archive.recordings.collections import Kind, change_metadata, collection_row, note_members
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
    these = among(_position, positions)
    member = select(here.position).where(here[kind.key] == collection_id, here.position == _position)
    metadata = change_metadata(kind, row, "added")
    ledger.append_for_recordings_under(
        connection, under.header, and_(these, ~member.exists()), metadata, under.response_code
    )
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    new = select(literal(collection_id), _position).where(these)
    into = dialect.insert(kind.members).from_select([kind.key, "position"], new)
    added = connection.execute(into.on_conflict_do_nothing(), execution_options=_COUNTED).rowcount
    note_members(connection, kind, collection_id, added)


def take_all_out(
    connection: Connection, kind: Kind, collection_id: int, which: ColumnElement[bool], under: Under
) -> None:
    """Take the members that meet a condition out of a collection, even if it has ended."""
    row = collection_row(connection, kind, collection_id, ended=True)
    members = and_(kind.members.c[kind.key] == collection_id, which)
    these = _position.in_(select(kind.members.c.position).where(members))
    metadata = change_metadata(kind, row, "removed")
    ledger.append_for_recordings_under(connection, under.header, these, metadata, under.response_code)
    removed = connection.execute(delete(kind.members).where(members)).rowcount
    note_members(connection, kind, collection_id, -removed)
