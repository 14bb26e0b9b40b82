"""Of many accounts only a few are open at a time, and none is closed while it is in use."""

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from earwitness.archive.accounts.accounts import Accounts
from earwitness.archive.database.engines import sqlite_engine
from earwitness.archive.database.transactions import writing
from earwitness.archive.schema import directory
from earwitness.archive.schema.people import account
from earwitness.archive.schema.recordings import tags
from earwitness.kernel.settings import Settings
from tests.firm import CLIENT_ID
from tests.processes import needs_proc

MOST = 8
MANY = range(1, 41)


@pytest.fixture
def many(fresh_sqlite: Settings, tmp_path: Path) -> Settings:
    """An installation with many accounts, of which few stay open."""
    shutil.copytree(fresh_sqlite.data, tmp_path / "data")
    shutil.copytree(fresh_sqlite.keys_folder, tmp_path / "keys")
    settings = replace(fresh_sqlite, data=tmp_path / "data", keys=tmp_path / "keys", open_accounts=MOST)
    accounts = Accounts(settings)
    with writing(accounts.directory) as connection:
        rows = [{"client_id": one, "name": f"Firm {one}", "created_at": 1} for one in MANY]
        connection.execute(insert(directory.accounts), rows)
    accounts.close()
    made = settings.data / "accounts" / str(CLIENT_ID)
    for client_id in MANY:
        file = made.with_name(str(client_id)) / "archive.db"
        file.parent.mkdir()
        shutil.copy(made / "archive.db", file)
        with closing(sqlite3.connect(file)) as copied, copied:
            copied.execute("UPDATE account SET client_id = ?", (client_id,))
    return settings


def open_files(settings: Settings) -> int:
    """How many files of accounts this process has open."""
    found = 0
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found += str(entry.readlink()).startswith(str(settings.data / "accounts"))
        except FileNotFoundError:
            continue
    return found


@needs_proc
def test_of_many_accounts_no_more_stay_open_than_the_setting_says(many: Settings) -> None:
    accounts = Accounts(many)
    for client_id in MANY:
        with accounts.open(client_id).read() as connection:
            assert connection.scalar(select(account.c.client_id)) == client_id
        assert open_files(many) <= 3 * MOST
    assert open_files(many) >= MOST
    accounts.close()
    assert open_files(many) == 0


@needs_proc
def test_looking_into_all_accounts_leaves_none_open(many: Settings) -> None:
    accounts = Accounts(many)
    for client_id in MANY:
        with accounts.glance(client_id) as connection:
            assert connection.scalar(select(account.c.client_id)) == client_id
        assert open_files(many) == 0
    accounts.close()


def test_an_account_in_use_is_not_closed_however_many_others_are_opened(many: Settings) -> None:
    accounts = Accounts(many)
    with ExitStack() as used:
        connections = {one: used.enter_context(accounts.open(one).write()) for one in MANY}
        for client_id, connection in connections.items():
            assert connection.scalar(select(account.c.client_id)) == client_id
            connection.execute(insert(tags).values(tag="meanwhile", tag_folded="meanwhile"))
    for client_id in MANY:
        with accounts.open(client_id).read() as connection:
            assert connection.scalar(select(func.count()).select_from(tags)) == 1
    accounts.close()


def test_many_threads_in_many_accounts_each_see_their_own(many: Settings) -> None:
    accounts = Accounts(many)
    began = threading.Barrier(8)

    def work(number: int) -> int:
        began.wait(60)
        seen = 0
        for client_id in [*MANY[number:], *MANY[:number]] * 3:
            with accounts.open(client_id).read() as connection:
                seen += connection.scalar(select(account.c.client_id)) == client_id
        return seen

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [3 * len(MANY)] * 8
    accounts.close()


def test_a_database_that_is_put_in_place_of_another_is_opened_without_a_restart(many: Settings) -> None:
    accounts = Accounts(many)
    archive = accounts.open(1)
    with archive.write() as connection:
        connection.execute(insert(tags).values(tag="before", tag_folded="before"))
    file = many.data / "accounts" / "1" / "archive.db"
    restored = file.with_name("restored.db")
    shutil.copy(many.data / "accounts" / "2" / "archive.db", restored)
    with closing(sqlite3.connect(restored)) as copied, copied:
        copied.execute("UPDATE account SET client_id = 1")
    for left in ("archive.db-wal", "archive.db-shm"):
        file.with_name(left).unlink(missing_ok=True)
    os.replace(restored, file)  # noqa: PTH105 - its words say that nothing is between
    with archive.read() as connection:
        assert connection.scalar(select(func.count()).select_from(tags)) == 0
    accounts.close()


LOOK_IN = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("SELECT count(*) FROM tags").fetchall()
connection.close()
"""


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_an_account_that_is_reopened_while_in_use_keeps_its_log(
    settings: Settings,
) -> None:
    """A process loses all its locks of a file when it closes it once (POSIX). Then whoever is the last to
    leave, as it seems, removes the log, and what is committed to that is gone."""
    accounts = Accounts(settings)
    file = settings.data / "accounts" / str(CLIENT_ID) / "archive.db"
    archive = accounts.open(CLIENT_ID)

    def add(name: str) -> None:
        with archive.write() as connection:
            connection.execute(insert(tags).values(tag=name, tag_folded=name))

    add("before")
    sqlite_engine(file)  # like an account that was refused, or closed to open others, while in use
    for name in ("after", "at the end"):
        subprocess.run([sys.executable, "-c", LOOK_IN, file], check=True)
        add(name)
    with closing(sqlite3.connect(file)) as another:
        names = {name for (name,) in another.execute("SELECT tag FROM tags")}
    accounts.close()
    assert names >= {"before", "after", "at the end"}
