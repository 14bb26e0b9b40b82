"""Commands start quickly: each imports what it needs, and no server."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
import typer.main

from earwitness.cli.main import app
from earwitness.kernel.settings import Settings
from earwitness.media.keys.token_key import TOKEN_KEY_FILE
from tests.cli.conftest import environment_of
from tests.firm import CLIENT_ID, Firm

OF_SERVERS = {"av", "jwt", "litestar", "prometheus_client", "uvicorn"}
ARCHIVE = {"cryptography", "sqlalchemy"}
OF_POSTGRESQL = "sqlalchemy.dialects.postgresql"
"""SQLAlchemy's part for PostgreSQL takes as long to load as all that a short command has of its own."""

IMPORTED_BY = """
import sys
from contextlib import suppress
from earwitness.cli.main import app
with suppress(SystemExit):
    app(sys.argv[1:])
print(*sys.modules, file=sys.stderr)
"""


def modules_of(settings: Settings, *words: object) -> set[str]:
    """The modules that a command imports, run in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED_BY, *map(str, words)],
        env=os.environ | environment_of(settings),
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stderr.splitlines()[-1].split())


def imported_by(settings: Settings, *words: object) -> set[str]:
    """The packages that a command imports."""
    return {name.partition(".")[0] for name in modules_of(settings, *words)}


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
@pytest.mark.parametrize("words", [("--help",), ("--version",)], ids=" ".join)
def test_help_imports_neither_a_server_nor_the_archive(settings: Settings, words: tuple[str, ...]) -> None:
    assert not imported_by(settings, *words) & (OF_SERVERS | ARCHIVE)


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "words",
    [
        ("user", "list", CLIENT_ID),
        ("user", "lock", CLIENT_ID, "jane@example.com"),
        ("retention", "list", CLIENT_ID),
        ("search", CLIENT_ID),
    ],
    ids=lambda words: " ".join(map(str, words[:2])),
)
def test_a_command_on_an_account_imports_no_server(firm: Firm, words: tuple[object, ...]) -> None:
    firm.add_user("jane@example.com", [])
    imported = imported_by(firm.settings, *words)
    assert not imported & OF_SERVERS
    assert imported >= ARCHIVE


@pytest.mark.parametrize(
    "words",
    [
        ("user", "list", CLIENT_ID),
        ("user", "lock", CLIENT_ID, "jane@example.com"),
        ("retention", "list", CLIENT_ID),
        ("hold", "list", CLIENT_ID),
        ("search", CLIENT_ID),
        ("jobs", "list", CLIENT_ID),
        ("status",),
    ],
    ids=lambda words: " ".join(map(str, words[:2])),
)
def test_a_command_loads_what_only_postgresql_needs_where_that_is_the_database(
    firm: Firm, words: tuple[object, ...]
) -> None:
    firm.add_user("jane@example.com", [])
    assert (OF_POSTGRESQL in modules_of(firm.settings, *words)) is bool(firm.settings.database_url)


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_a_command_that_signs_nothing_makes_no_key_for_tokens(settings: Settings) -> None:
    imported_by(settings, "account", "create", CLIENT_ID, "--name", "Firm")
    imported_by(settings, "retention", "list", CLIENT_ID)
    assert not (settings.keys_folder / TOKEN_KEY_FILE).exists()


def listed() -> Iterator[tuple[str, str, str]]:
    """The name of each command, its line in `earwitness --help`, and its own help text."""
    every = typer.main.get_command(app)
    context = every.make_context("earwitness", [], resilient_parsing=True)
    for name in every.list_commands(context):  # type: ignore[attr-defined]
        shown = every.get_command(context, name)  # type: ignore[attr-defined]
        command = every.commands[name]  # type: ignore[attr-defined]
        assert command.name == name
        yield name, shown.get_short_help_str(1000), command.get_short_help_str(1000)


def test_the_line_of_each_command_in_help_is_that_of_its_own_help() -> None:
    told = list(listed())
    assert len(told) > 20
    assert [shown for _, shown, _ in told] == [said for _, _, said in told]
