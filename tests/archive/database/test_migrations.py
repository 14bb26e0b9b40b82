"""Migrations make the tables that the program declares, with every index, on both databases."""

import ast
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, create_engine, make_url, text
from sqlalchemy.schema import CreateSchema

from earwitness.archive import migrations
from earwitness.archive.accounts.accounts import Accounts
from earwitness.archive.database import upgrades
from earwitness.archive.database.engines import sqlite_engine
from earwitness.archive.database.transactions import reading, writing
from earwitness.archive.database.upgrades import Tables, is_current
from earwitness.archive.schema import account, directory
from earwitness.archive.schema.folded import SEARCHED
from earwitness.kernel.settings import Settings
from tests.conftest import DATABASES
from tests.firm import CLIENT_ID
from tests.migrating import run_migrations as upgrade
from tests.old_archives import old_installation, upgraded_firm
from tests.postgres import database_of, run_in_postgres

MIGRATIONS = Path(migrations.__file__).parent
BOTH: tuple[Tables, ...] = ("account", "directory")
METADATA = {"account": account.metadata, "directory": directory.metadata}

# Made by statements of their own: alembic does not look into them, the comparisons of catalogues do.
NOT_ALEMBICS = {"alembic_version", "recording_text", *(f"{kind}_trigrams" for kind in SEARCHED)}

CATALOGUE = {
    "columns": """
        SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity::text,
               pg_get_expr(d.adbin, d.adrelid)
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relnamespace = CAST(:schema AS regnamespace) AND c.relkind = 'r' AND a.attnum > 0
        AND NOT a.attisdropped""",
    "indexes": """
        SELECT tablename, indexname, replace(indexdef, schemaname || '.', '')
        FROM pg_indexes WHERE schemaname = :schema""",
    "constraints": """
        SELECT c.relname, k.conname, k.contype::text,
               replace(pg_get_constraintdef(k.oid), CAST(:schema AS text) || '.', '')
        FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
        WHERE k.connamespace = CAST(:schema AS regnamespace)""",
    "sequences": """
        SELECT sequencename, data_type::text, start_value, increment_by, cycle
        FROM pg_sequences WHERE schemaname = :schema""",
}


def declare(engine: Engine, tables: Tables) -> None:
    with writing(engine) as connection:
        METADATA[tables].create_all(connection)


def differences(connection: Connection, tables: Tables) -> list[Any]:
    """What a new migration would have to change, as alembic sees it."""
    context = MigrationContext.configure(
        connection,
        opts={
            "compare_type": True,
            # On SQLite alembic takes an identity for a default; the definitions are compared there.
            "compare_server_default": connection.dialect.name == "postgresql",
            "include_name": lambda name, kind, _: kind != "table" or not _is_apart(name),
        },
    )
    found: list[Any] = compare_metadata(context, METADATA[tables])
    return found


def _is_apart(name: str | None) -> bool:
    """Whether it is one of these tables, or belongs to one: FTS5 keeps an index in several."""
    return name is not None and any(name == one or name.startswith(f"{one}_") for one in NOT_ALEMBICS)


def definitions(connection: Connection) -> dict[str, list[str]]:
    """The tables and indexes of a SQLite file, each as its definitions in an order of their own."""
    rows = connection.execute(
        text("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE '%alembic_version%'")
    )
    return {f"{kind} {name}": sorted(_parts(sql or "")) for kind, name, sql in rows}


def _parts(definition: str) -> list[str]:
    return re.split(r",\s*(?![^()]*\))", re.sub(r"\s*\n\s*", "", definition).removesuffix(")"))


@pytest.mark.parametrize("tables", BOTH)
def test_on_sqlite_migrated_tables_are_the_declared_ones(tables: Tables, tmp_path: Path) -> None:
    migrated, declared = sqlite_engine(tmp_path / "migrated.db"), sqlite_engine(tmp_path / "declared.db")
    upgrade(migrated, tables)
    declare(declared, tables)
    with reading(migrated) as ours, reading(declared) as theirs:
        assert definitions(ours) == definitions(theirs)
        assert len(definitions(ours)) > 3
        assert differences(ours, tables) == []
    migrated.dispose()
    declared.dispose()


@contextmanager
def looking_into(url: str, schema: str) -> Iterator[Engine]:
    engine = create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        connect_args={"options": f"-c search_path={schema}"},
    )
    yield engine
    engine.dispose()


@pytest.fixture
def database(postgres_url: str) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    run_in_postgres(postgres_url, f"CREATE DATABASE {name}")
    yield database_of(postgres_url, name)
    run_in_postgres(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize("tables", BOTH)
def test_on_postgresql_migrated_tables_are_the_declared_ones(tables: Tables, database: str) -> None:
    with looking_into(database, "migrated") as migrated, looking_into(database, "declared") as declared:
        for engine, schema in ((migrated, "migrated"), (declared, "declared")):
            with engine.begin() as connection:
                connection.execute(CreateSchema(schema))
        upgrade(migrated, tables, schema="migrated")
        declare(declared, tables)
        with migrated.connect() as connection:
            assert differences(connection, tables) == []
            for aspect, query in CATALOGUE.items():
                ours, theirs = (
                    {tuple(row) for row in connection.execute(text(query), {"schema": schema})}
                    for schema in ("migrated", "declared")
                )
                ours = {row for row in ours if row[0] != "alembic_version"}
                assert ours == theirs, aspect
                assert ours, aspect


@pytest.mark.parametrize("tables", BOTH)
def test_tables_that_are_up_to_date_are_not_changed(tables: Tables, tmp_path: Path) -> None:
    engine = sqlite_engine(tmp_path / "archive.db")
    assert not is_current(engine, tables)
    reached = upgrade(engine, tables)
    assert is_current(engine, tables)
    with reading(engine) as connection:
        before = definitions(connection)
    assert upgrade(engine, tables) == reached
    with reading(engine) as connection:
        assert definitions(connection) == before
    engine.dispose()


def test_a_migration_that_fails_leaves_the_tables_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = sqlite_engine(tmp_path / "archive.db")

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("the power went")

    monkeypatch.setattr("alembic.operations.Operations.create_index", fail)
    monkeypatch.setattr("alembic.operations.base.BatchOperations.create_index", fail)
    with pytest.raises(RuntimeError):
        upgrade(engine, "account")
    with reading(engine) as connection:
        assert definitions(connection) == {}
    engine.dispose()


WITHOUT_PRIMARY_KEY = {
    "sqlite": """
        SELECT t.name FROM sqlite_schema t WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL TABLE%'
        AND t.name NOT LIKE 'sqlite_%'
        AND NOT EXISTS (SELECT 1 FROM pragma_table_info(t.name) i WHERE i.pk > 0)""",
    "postgresql": """
        SELECT format('%s.%s', n.nspname, relname)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE relkind IN ('r', 'p') AND (nspname = 'public' OR nspname LIKE 'account%')
        AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)""",
}


def test_every_table_has_a_primary_key(settings: Settings) -> None:
    """Citus moves no table without one."""
    accounts = Accounts(settings)
    for engine in (accounts.directory, accounts.open(CLIENT_ID).engine):
        with reading(engine) as connection:
            assert connection.scalars(text(WITHOUT_PRIMARY_KEY[engine.dialect.name])).all() == []
    accounts.close()


HANGING = {
    "recording_endpoints": (
        "position, ordinal",
        'position, ordinal, endpoint_id, person_id, "user", user_folded, is_originator, is_recording_subject',
    ),
    "recording_tags": ("position, tag_id", "position, tag_id, ordinal"),
    "recording_data_groups": ("position, name", "position, name, value"),
}
"""The tables that have had a primary key since 0013: their keys, and all their columns."""


@pytest.mark.parametrize("database", DATABASES)
def test_rows_that_belong_to_recordings_stay_when_their_table_gets_a_primary_key(
    database: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url = request.getfixturevalue("postgres_url") if database == "postgresql" else None
    schema = f"account_{CLIENT_ID}" if url else None

    def rows(settings: Settings) -> list[list[Any]]:
        file = settings.data / "accounts" / str(CLIENT_ID) / "archive.db"
        in_schema = (
            looking_into(settings.database_url, str(schema)) if url else nullcontext(sqlite_engine(file))
        )
        with in_schema as engine, reading(engine) as connection:
            found = [
                list(connection.execute(text(f"SELECT {columns} FROM {table} ORDER BY {key}")).all())
                for table, (key, columns) in HANGING.items()
            ]
        engine.dispose()
        return found

    with old_installation("0012", tmp_path, url) as settings:
        before = rows(settings)
        assert list(map(len, before)) == [28, 2, 2]
        with upgraded_firm(settings, tmp_path) as firm:
            assert rows(settings) == before
            with reading(firm.archive.engine) as connection:
                assert connection.scalars(text(WITHOUT_PRIMARY_KEY[connection.dialect.name])).all() == []
            firm.ingest(thirdPartyId="new", tags=["Second"])
            assert {"plain", "new"} <= set(firm.search(tagIds={"include": [2]}))


def test_no_migration_imports_code_that_may_change() -> None:
    """What a migration makes of an archive must not change when the program does."""
    files = sorted(MIGRATIONS.rglob("*.py"))
    assert len(files) > len(upgrades.revisions("account"))
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, file
                names = [node.module or ""]
            ours = [name for name in names if name.partition(".")[0] == "earwitness"]
            assert all(name.startswith("earwitness.archive.migrations.") for name in ours), (file, ours)
