"""Runs migrations once in a test process; for further accounts the same statements are sent again.

Most of the cost of a new account is that Alembic reads its scripts and SQLAlchemy writes their statements.
Tables that exist already are upgraded by the program itself.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event, func, select, text

from earwitness.archive.database import upgrades
from earwitness.archive.database.transactions import writing
from earwitness.archive.database.upgrades import Tables

Statements = list[tuple[str, Any]]

_READS = ("BEGIN", "SELECT", "PRAGMA", "SET LOCAL")
_LOCK = int.from_bytes(b"tests")

run_migrations = upgrades.upgrade
_sent: dict[tuple[str, Tables], tuple[str | None, Statements]] = {}
"""What the migrations of each kind sent, and for which schema."""


def migrate_once() -> None:
    upgrades.upgrade = _upgrade


def _upgrade(engine: Engine, tables: Tables, *, schema: str | None = None) -> str:
    kind = (engine.dialect.name, tables)
    if _is_empty(engine, schema):
        if kind in _sent:
            _send_again(engine, *_sent[kind], schema)
        else:
            with _noted(engine) as statements:
                run_migrations(engine, tables, schema=schema)
            _sent[kind] = schema, statements
    return run_migrations(engine, tables, schema=schema)


def _is_empty(engine: Engine, schema: str | None) -> bool:
    with engine.connect() as connection:
        return upgrades.revision_of(connection, schema) is None


@contextmanager
def _noted(engine: Engine) -> Iterator[Statements]:
    """Note the statements of migrations that change something."""
    statements: Statements = []

    def note(_connection: Connection, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if not statement.lstrip().upper().startswith(_READS):
            statements.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


def _send_again(engine: Engine, schema_then: str | None, statements: Statements, schema: str | None) -> None:
    with writing(engine, patient=True) as connection:
        if engine.dialect.name == "postgresql":  # on SQLite, writers are one at a time already
            connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        if schema is not None:
            connection.execute(text(f'SET LOCAL search_path TO "{schema}"'))
        if upgrades.revision_of(connection, schema) is None:  # nobody came in between
            for statement, parameters in statements:
                if schema_then and schema:
                    statement = re.sub(rf"\b{schema_then}\b", schema, statement)
                connection.exec_driver_sql(statement, parameters)
