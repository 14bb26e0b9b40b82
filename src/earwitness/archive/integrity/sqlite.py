"""Checks a SQLite file: its pages, its indexes and its references. Writers go on meanwhile."""

import re
from collections.abc import Iterator

from sqlalchemy import Connection, Engine

from earwitness.archive.database.transactions import reading
from earwitness.archive.integrity.findings import Broken, Damage, Finding, noticing, recording_at

_MOST = 1000
_ROW = re.compile(r"row (\d+) missing from index (\S+)")


def check_sqlite(engine: Engine) -> Iterator[Finding]:
    """Read every page, and compare every index with its table. Raises errors that are no damage."""
    try:
        with noticing(), reading(engine) as connection:
            messages = connection.exec_driver_sql(f"PRAGMA integrity_check({_MOST})").scalars().all()
            for message in messages:
                if message != "ok":
                    yield _told(connection, message)
            for table, _, parent, _ in connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(
                _MOST
            ):
                yield Damage(table, f"It refers to a row of {parent} that is not there.")
    except Broken as broken:
        yield Damage("the whole database", f"It cannot be read: {broken}.")


def _told(connection: Connection, message: str) -> Damage:
    """The damage that a line of `integrity_check` reports. It counts the rows of a table from 1, in order."""
    text = message.strip().replace("\n", " ")
    found = _ROW.search(text)
    if not found:
        return Damage("pages", text)
    number, index = int(found[1]), found[2]
    try:
        with noticing():
            position = _position_of(connection, index, number)
    except Broken:
        position = None
    ids = (None, None) if position is None else recording_at(connection, position)
    return Damage(index, "A row is missing from this index.", *ids)


def _position_of(connection: Connection, index: str, number: int) -> int | None:
    """The position in the row of this number, if the table of the index has positions."""
    table = connection.exec_driver_sql(
        "SELECT tbl_name FROM sqlite_schema WHERE name = ?", (index,)
    ).scalar_one_or_none()
    columns = connection.exec_driver_sql("SELECT name, pk FROM pragma_table_info(?)", (table,)).all()
    if "position" not in {name for name, _ in columns}:
        return None
    key = ", ".join(f'"{name}"' for name, pk in sorted(columns, key=lambda column: column[1]) if pk)
    nth = f'SELECT position FROM "{table}" NOT INDEXED ORDER BY {key} LIMIT 1 OFFSET ?'  # noqa: S608 - its own names
    position: int | None = connection.exec_driver_sql(nth, (number - 1,)).scalar_one_or_none()
    return position
