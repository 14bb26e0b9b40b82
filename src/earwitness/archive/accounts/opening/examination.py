"""Examines an account before it is used: are its tables there, are they its own, and of this version?"""

from collections.abc import Callable

from sqlalchemy import Connection, inspect, select, text

from earwitness.archive.accounts.opening.unfit import of_newer_tables, of_older_tables, unusable
from earwitness.archive.database import upgrades
from earwitness.archive.schema.account import metadata
from earwitness.archive.schema.people import account, counters, users
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.schema.work import jobs

SECONDS = 10.0
"""How long it may take. A database that needs longer for a few rows would hold up every call."""

_READ = (counters, users, recordings, jobs)

_TABLES_OF_POSTGRES = """
SELECT relname, has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE nspname = :schema AND relkind IN ('r', 'p', 'f', 'v')
"""

ProgramOf = Callable[[str], str | None]
"""The version of the program that made a revision of the tables, where it is known."""


def examine(connection: Connection, client_id: int, schema: str | None, program_of: ProgramOf) -> None:
    """Raise Unfit if an account cannot be used. Raises what the database raises."""
    tables = check_that_there_are_tables(connection, schema)
    check_version(upgrades.revision_of(connection, schema) or "", "account", program_of)
    for name in sorted(metadata.tables):
        if name not in tables:
            raise unusable(f"its table {name} is missing")
        if not tables[name]:
            raise unusable(f"its table {name} may not be read and written by the user of the database")
    found = connection.scalar(select(account.c.client_id))
    if found != client_id:
        raise unusable(f"its database is that of account {found}" if found else "its table account is empty")
    for table in _READ:
        connection.execute(select(table.c[0]).select_from(table).limit(1)).all()


def check_version(revision: str, tables: upgrades.Tables, program_of: ProgramOf) -> None:
    """Raise Unfit if the tables belong to another version of the program."""
    version = upgrades.version_of_tables(revision, tables)
    if version == "newer":
        raise of_newer_tables(revision, program_of(revision))
    if version != "current":
        raise of_older_tables()


def check_that_there_are_tables(connection: Connection, schema: str | None) -> dict[str, bool]:
    """The tables that there are, and whether they may be read and written. Raises Unfit."""
    tables = _tables(connection, schema)
    if schema is not None and not tables and not inspect(connection).has_schema(schema):
        raise unusable(f"its schema {schema} is missing")
    if not tables:
        raise unusable("its tables are missing")
    if "alembic_version" not in tables:
        raise unusable("its table alembic_version is missing")
    return tables


def _tables(connection: Connection, schema: str | None) -> dict[str, bool]:
    if schema is None:
        return dict.fromkeys(inspect(connection).get_table_names(), True)
    rows = connection.execute(text(_TABLES_OF_POSTGRES), {"schema": schema})
    return {name: bool(is_allowed) for name, is_allowed in rows}
