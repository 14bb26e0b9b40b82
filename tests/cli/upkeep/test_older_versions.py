"""With tables of an earlier program, every command except the upgrade says so and stops."""

import pytest

from earwitness.archive.accounts.accounts import Accounts
from earwitness.kernel.settings import Settings
from tests.cli.conftest import Run
from tests.cli.upkeep.test_versions import of_each_about_accounts, of_each_command
from tests.firm import CLIENT_ID
from tests.old_archives import OldTables


@pytest.fixture
def settings(old_tables: OldTables) -> Settings:
    """Commands are run on the installation of the earlier program."""
    return old_tables.settings


@of_each_command
def test_an_older_directory_stops_every_command_but_the_upgrade(
    run: Run, command: tuple[object, ...]
) -> None:
    said = "earwitness: The directory of accounts has older tables: run `earwitness db upgrade` first."
    assert run(*command, exit_code=1).stderr.strip() == said


@of_each_about_accounts
def test_an_account_with_older_tables_stops_every_command_that_is_about_it(
    settings: Settings, run: Run, command: tuple[object, ...]
) -> None:
    Accounts(settings, upgrading=True).close()  # this upgrades only the directory
    said = f"earwitness: Account {CLIENT_ID} has older tables: run `earwitness db upgrade` first."
    assert said in run(*command, exit_code=1).stderr
