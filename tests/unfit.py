"""Ways to damage an account, one function for each, and how to repair it."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import make_url

from earwitness.archive.access.users import add_api_key, add_user
from earwitness.archive.accounts.accounts import Accounts
from earwitness.archive.database.upgrades import newest
from earwitness.kernel.settings import Settings
from tests.postgres import run_in_postgres

OTHER = 7_654_321
USER = "earwitness_server"

Mend = Callable[[], None]
Damage = Callable[[Settings, int], Mend]


def _file(settings: Settings, client_id: int) -> Path:
    return settings.data / "accounts" / str(client_id) / "archive.db"


def _spoilt(spoil: Callable[[Path], object]) -> Damage:
    """Damage a closed database file. The repair puts a copy back."""

    def damage(settings: Settings, client_id: int) -> Mend:
        file = _file(settings, client_id)
        kept = file.with_name("kept.db")
        shutil.copy2(file, kept)
        spoil(file)

        def mend() -> None:
            shutil.rmtree(file) if file.is_dir() else file.unlink(missing_ok=True)
            kept.rename(file)

        return mend

    return damage


def _cut(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.truncate(8192)


def _a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _run_in(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute(statement)


OF_FILES: dict[str, tuple[Damage, str]] = {
    "cut off": (_spoilt(_cut), "malformed"),
    "empty": (_spoilt(lambda file: file.write_bytes(b"")), "its tables are missing"),
    "no database": (_spoilt(lambda file: file.write_bytes(b"no" * 8192)), "not a database"),
    "a folder": (_spoilt(_a_folder), "cannot be used"),
    "not there": (_spoilt(Path.unlink), "its archive.db is missing"),
    "a table is missing": (
        _spoilt(lambda file: _run_in(file, "DROP TABLE comments")),
        "its table comments is missing",
    ),
    "another account's": (
        _spoilt(lambda file: _run_in(file, "UPDATE account SET client_id = 99")),
        "its database is that of account 99",
    ),
    "older tables": (
        _spoilt(lambda file: _run_in(file, "UPDATE alembic_version SET version_num = '0001'")),
        "has older tables: run `earwitness db upgrade` first",
    ),
    "newer tables": (
        _spoilt(lambda file: _run_in(file, "UPDATE alembic_version SET version_num = '9999'")),
        "has newer tables (9999) than version",
    ),
}


def _done(statements: str | tuple[str, ...], undone: str | tuple[str, ...]) -> Damage:
    """Damage a schema by statements; others repair it. `{0}` is the schema."""

    def damage(settings: Settings, client_id: int) -> Mend:
        as_owner = with_user(settings, "postgres").database_url

        def run(given: str | tuple[str, ...]) -> None:
            all_of_them = (given,) if isinstance(given, str) else given
            run_in_postgres(as_owner, *(one.format(f"account_{client_id}") for one in all_of_them))

        run(statements)
        return lambda: run(undone)

    return damage


_AWAY = (
    "CREATE FUNCTION {0}.away() RETURNS SETOF {0}.users LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION "
    "'connection to the remote node 10.0.0.2:5432 failed' USING ERRCODE = '08006'; END$$",
    "ALTER TABLE {0}.users RENAME TO users_there",
    "CREATE VIEW {0}.users AS SELECT * FROM {0}.away()",
    f"GRANT ALL ON {{0}}.users TO {USER}",
)
_BACK = (
    "DROP VIEW {0}.users",
    "DROP FUNCTION {0}.away()",
    "ALTER TABLE {0}.users_there RENAME TO users",
)

OF_SCHEMAS: dict[str, tuple[Damage, str]] = {
    "another name": (
        _done("ALTER SCHEMA {0} RENAME TO elsewhere", "ALTER SCHEMA elsewhere RENAME TO {0}"),
        "its schema account_7654321 is missing",
    ),
    "a table is missing": (
        _done(
            "ALTER TABLE {0}.comments RENAME TO comments_before",
            "ALTER TABLE {0}.comments_before RENAME TO comments",
        ),
        "its table comments is missing",
    ),
    "no right to it": (
        _done(f"REVOKE ALL ON SCHEMA {{0}} FROM {USER}", f"GRANT ALL ON SCHEMA {{0}} TO {USER}"),
        "permission denied for schema account_7654321 (42501)",
    ),
    "no right to a table": (
        _done(f"REVOKE ALL ON {{0}}.people FROM {USER}", f"GRANT ALL ON {{0}}.people TO {USER}"),
        "its table people may not be read and written",
    ),
    "another machine does not answer": (_done(_AWAY, _BACK), "remote node 10.0.0.2:5432 failed (08006)"),
    "older tables": (
        _done(
            "UPDATE {0}.alembic_version SET version_num = '0001'",
            f"UPDATE {{0}}.alembic_version SET version_num = '{newest('account')}'",
        ),
        "has older tables: run `earwitness db upgrade` first",
    ),
    "newer tables": (
        _done(
            "UPDATE {0}.alembic_version SET version_num = '9999'",
            f"UPDATE {{0}}.alembic_version SET version_num = '{newest('account')}'",
        ),
        "has newer tables (9999) than version",
    ),
}

KINDS = [("sqlite", kind) for kind in OF_FILES] + [("postgresql", kind) for kind in OF_SCHEMAS]

each_damage = pytest.mark.parametrize(("settings", "kind"), KINDS, indirect=["settings"])


def damage(settings: Settings, kind: str) -> tuple[Mend, str]:
    """Damage the other account. Returns the repair, and words of the message about the damage."""
    spoil, said = (OF_SCHEMAS if settings.database_url else OF_FILES)[kind]
    return spoil(settings, OTHER), said


def with_user(settings: Settings, username: str) -> Settings:
    url = make_url(settings.database_url).set(username=username, password=None)
    return replace(settings, database_url=url.render_as_string(hide_password=False))


def with_another_account(settings: Settings) -> tuple[Settings, dict[str, object]]:
    """Add another account with a user. Returns settings of a server, and the body of the user's sign-in.

    On PostgreSQL the server is a user of the database who owns nothing, so that rights can be taken away.
    """
    accounts = Accounts(settings)
    accounts.create(OTHER, "Another firm")
    with accounts.open(OTHER).write() as connection:
        _, api_key = add_api_key(connection, add_user(connection, "jane", ["Admin"]))
    accounts.close()
    credentials: dict[str, object] = {"clientId": OTHER, "username": "jane", "apiKey": api_key}
    if not settings.database_url:
        return settings, credentials
    database = make_url(settings.database_url).database
    granted = [
        f"GRANT ALL ON {kind} {schema} TO {USER}"
        for schema in ("public", "account_1234567", f"account_{OTHER}")
        for kind in ("SCHEMA", "ALL TABLES IN SCHEMA", "ALL SEQUENCES IN SCHEMA")
    ]
    run_in_postgres(
        settings.database_url,
        f"DO $$BEGIN CREATE ROLE {USER} LOGIN; EXCEPTION WHEN OTHERS THEN NULL; END$$",
        f"GRANT ALL ON DATABASE {database} TO {USER}",
        *granted,
    )
    return with_user(settings, USER), credentials
