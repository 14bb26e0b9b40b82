"""Only their owner can read databases and their folders, whatever the umask is and whoever made them."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from earwitness.archive.accounts.accounts import Accounts
from earwitness.kernel.settings import Settings


@pytest.fixture(autouse=True)
def open_umask() -> Iterator[None]:
    """Files are for everybody unless a program asks for less."""
    before = os.umask(0)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    """The modes of all databases, and of what SQLite writes beside them."""
    files = [file for file in folder.rglob("*") if ".db" in file.name]
    return {str(file.relative_to(folder)): stat.S_IMODE(file.stat().st_mode) for file in files}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def use(settings: Settings) -> dict[str, int]:
    """Open an account and write to it, and answer what can be seen meanwhile."""
    accounts = Accounts(settings)
    archive = accounts.open(1)
    with archive.write() as connection, archive.read():
        connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS written (x INTEGER)")
    found = modes(settings.data)
    accounts.close()
    return found


def made(tmp_path: Path) -> Settings:
    settings = Settings(data=tmp_path / "data", keys=tmp_path / "keys", jobs=False)
    accounts = Accounts(settings)
    accounts.create(1, "A firm")
    accounts.close()
    return settings


def test_new_databases_are_private_from_their_first_byte_on(tmp_path: Path) -> None:
    settings = made(tmp_path)
    found = use(settings)
    assert {
        "directory.db",
        "accounts/1/archive.db",
        "accounts/1/archive.db-wal",
        "accounts/1/archive.db-shm",
    } <= set(found)
    assert set(found.values()) == {0o600}
    assert (mode(settings.data), mode(settings.data / "accounts" / "1")) == (0o700, 0o700)


def test_existing_databases_lose_the_rights_of_others(tmp_path: Path) -> None:
    settings = made(tmp_path)
    accounts = Accounts(settings)
    with accounts.open(1).write() as connection:
        connection.exec_driver_sql("CREATE TABLE written (x INTEGER)")
        for name in modes(settings.data):  # an older version left them so, and runs still
            (settings.data / name).chmod(0o644)
        settings.data.chmod(0o755)
        (settings.data / "accounts" / "1").chmod(0o755)
    assert set(use(settings).values()) == {0o600}
    assert (mode(settings.data), mode(settings.data / "accounts" / "1")) == (0o700, 0o700)
    accounts.close()


def test_a_folder_that_holds_other_things_too_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o755)
    (tmp_path / "data" / "else").touch()
    settings = made(tmp_path)
    assert mode(settings.data) == 0o755
    assert set(use(settings).values()) == {0o600}
