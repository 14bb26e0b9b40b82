"""Migrations: they bring the tables of an account, or of the directory, to what this program declares.

The same migrations make a new account, so there is only one way to make a table.
"""

import threading
from functools import cache
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection, Engine, column, func, inspect, select, table, text

from earwitness.archive.database.transactions import writing

Tables = Literal["account", "directory"]
Version = Literal["absent", "older", "current", "newer"]
"""How tables compare with what this program declares."""

_SCRIPTS = Path(__file__).parents[1] / "migrations"

_UPGRADES = int.from_bytes(b"earwit")
"""The advisory lock that is held while a PostgreSQL database is upgraded."""

_one_at_a_time = threading.Lock()  # alembic keeps its state in module variables


def upgrade(engine: Engine, tables: Tables, *, schema: str | None = None) -> str:
    """Run the migrations that are missing, in one transaction, and name the revision reached."""
    head = newest(tables)
    if is_current(engine, tables, schema=schema):
        return head
    with writing(engine, patient=True) as connection:
        if connection.dialect.name == "postgresql":  # SQLite has one writer at a time anyway
            connection.execute(select(func.pg_advisory_xact_lock(_UPGRADES)))
        _set_search_path(connection, schema)
        if revision_of(connection, schema) != head:
            _run_migrations(connection, tables)
    return head


def is_current(engine: Engine, tables: Tables, *, schema: str | None = None) -> bool:
    with engine.connect() as connection:
        _set_search_path(connection, schema)
        return version_of_tables(revision_of(connection, schema), tables) == "current"


def version_of_tables(revision: str | None, tables: Tables) -> Version:
    head = newest(tables)
    if revision is None:
        return "absent"
    return "current" if revision == head else "older" if revision < head else "newer"


def _run_migrations(connection: Connection, tables: Tables) -> None:
    # Imported here: alembic takes a third of the time that each command takes to start, and is seldom needed.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.set_main_option("version_locations", str(_SCRIPTS / tables / "versions").replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = connection
    with _one_at_a_time:
        command.upgrade(config, "head")


def newest(tables: Tables) -> str:
    return revisions(tables)[-1]


@cache  # the files do not change while a program runs
def revisions(tables: Tables) -> tuple[str, ...]:
    """All revisions, oldest first: the name of a migration's file begins with its own."""
    files = (_SCRIPTS / tables / "versions").glob("*.py")
    return tuple(sorted(file.name.partition("_")[0] for file in files))


def _set_search_path(connection: Connection, schema: str | None) -> None:
    """Migrations name no schema, so it is the first that PostgreSQL looks in."""
    if schema is not None:
        connection.execute(text(f'SET LOCAL search_path TO "{schema}"'))


def revision_of(connection: Connection, schema: str | None) -> str | None:
    """The revision that tables are at; None where there are none."""
    if not inspect(connection).has_table("alembic_version", schema=schema):
        return None
    versions = table("alembic_version", column("version_num"), schema=schema)
    return connection.scalar(select(versions.c.version_num))
