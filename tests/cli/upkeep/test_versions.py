"""Tables of another version: every command says so and stops; only `db upgrade` accepts older ones."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from earwitness.archive.database.upgrades import newest
from earwitness.cli.main import app
from earwitness.kernel.settings import Settings
from earwitness.kernel.version import program_version
from tests.cli.conftest import Run, environment_of
from tests.conftest import DATABASES
from tests.firm import CLIENT_ID
from tests.old_archives import old_installation
from tests.postgres import run_in_postgres

COMMANDS = [
    ("serve",),
    ("worker",),
    ("status",),
    ("account", "list"),
    ("account", "create", 42, "--name", "Another firm"),
    ("search", CLIENT_ID),
    ("jobs", "list", CLIENT_ID),
    ("incomplete", CLIENT_ID),
    ("verify", CLIENT_ID),
    ("key", "list"),
    ("user", "list", CLIENT_ID),
]

of_each_command = pytest.mark.parametrize(
    "command", COMMANDS, ids=lambda words: " ".join(map(str, words[:2]))
)


def run_in(settings: Settings, place: str, statement: str) -> None:
    """Run a statement in the directory, or in the account; `{}` stands for the schema."""
    if settings.database_url:
        schema = "public." if place == "directory" else f"account_{CLIENT_ID}."
        run_in_postgres(settings.database_url, statement.format(schema))
        return
    file = "directory.db" if place == "directory" else f"accounts/{CLIENT_ID}/archive.db"
    with closing(sqlite3.connect(settings.data / file)) as connection, connection:
        connection.execute(statement.format(""))


def set_revision(settings: Settings, place: str, revision: str) -> None:
    run_in(settings, place, f"UPDATE {{}}alembic_version SET version_num = '{revision}'")


@of_each_command
def test_a_newer_directory_stops_every_command(
    settings: Settings, run: Run, command: tuple[object, ...]
) -> None:
    set_revision(settings, "directory", "d9999")
    run_in(settings, "directory", "INSERT INTO {}table_revisions VALUES ('d9999', '7.0.0')")
    assert run(*command, exit_code=1).stderr.strip() == (
        "earwitness: The directory of accounts has newer tables (d9999) than version "
        f"{program_version()} of this program knows: install version 7.0.0 or a newer one."
    )


NOT_ALONE = [command for command in COMMANDS if command[0] not in ("account", "status", "key")]


of_each_about_accounts = pytest.mark.parametrize(
    "command", NOT_ALONE, ids=lambda words: " ".join(map(str, words[:2]))
)


@of_each_about_accounts
def test_an_account_with_newer_tables_stops_every_command_that_is_about_it(
    settings: Settings, run: Run, command: tuple[object, ...]
) -> None:
    set_revision(settings, "account", "9999")
    said = f"earwitness: Account {CLIENT_ID} has newer tables (9999)"
    assert said in run(*command, exit_code=1).stderr


def test_the_upgrade_says_that_tables_are_newer_and_exits_1(settings: Settings, run: Run) -> None:
    set_revision(settings, "account", "9999")
    told = run("db", "upgrade", "--json", exit_code=1)
    [account] = json.loads(told.stdout)
    assert account["clientId"] == CLIENT_ID
    assert "has newer tables (9999)" in account["error"]
    assert "has newer tables (9999)" in run("db", "upgrade", exit_code=1).stdout
    set_revision(settings, "directory", "d9999")
    assert "The directory of accounts has newer tables (d9999)" in run("db", "upgrade", exit_code=1).stderr


@pytest.mark.parametrize("database", DATABASES)
def test_an_older_installation_is_upgraded_with_its_directory(
    database: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url = request.getfixturevalue("postgres_url") if database == "postgresql" else None
    with old_installation("0007", tmp_path, url) as settings:
        environment = environment_of(settings)
        assert CliRunner().invoke(app, ["account", "list"], env=environment).exit_code == 1
        upgraded = CliRunner().invoke(app, ["db", "upgrade"], env=environment)
        assert (upgraded.exit_code, upgraded.stdout) == (
            0,
            f"Account {CLIENT_ID} is at {newest('account')}.\n",
        )
        assert CliRunner().invoke(app, ["search", str(CLIENT_ID)], env=environment).exit_code == 0


def test_the_version_of_the_program_is_shown() -> None:
    shown = CliRunner().invoke(app, ["--version"])
    assert (shown.exit_code, shown.stdout) == (0, f"{program_version()}\n")


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_accounts_without_their_directory_are_noticed(settings: Settings, run: Run) -> None:
    (settings.data / "directory.db").unlink()
    assert "directory.db is missing" in run("account", "list", exit_code=1).stderr
    assert not (settings.data / "directory.db").exists()
