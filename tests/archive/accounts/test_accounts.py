"""Accounts: none sees another, and each is made completely or not at all."""

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, Engine, event, func, select

from earwitness.archive.access.users import add_user, user_id_of
from earwitness.archive.accounts.accounts import Accounts, Archive
from earwitness.archive.accounts.opening.unfit import AccountUnavailable
from earwitness.archive.jobs import queue
from earwitness.archive.schema.people import account, users
from earwitness.kernel.errors import Conflict, NotFound, Problem, Unavailable
from earwitness.kernel.settings import Settings
from earwitness.media.keys.key_ring import KEYS_FILE, KeysMissing
from tests.firm import CLIENT_ID
from tests.old_archives import OldTables
from tests.postgres import run_in_postgres

OTHER = 7654321


@pytest.fixture
def nothing(settings: Settings) -> Settings:
    """An installation without accounts, folders or tables."""
    shutil.rmtree(settings.data)
    shutil.rmtree(settings.keys_folder)
    if settings.database_url:
        run_in_postgres(
            settings.database_url,
            f"DROP SCHEMA account_{CLIENT_ID} CASCADE",
            "DROP SCHEMA public CASCADE",
            "CREATE SCHEMA public",
        )
    return settings


def test_an_account_is_listed_and_opened_after_a_restart(nothing: Settings) -> None:
    accounts = Accounts(nothing)
    assert accounts.all() == []
    created = accounts.create(OTHER, "Another firm")
    accounts.close()
    accounts = Accounts(nothing)
    assert accounts.all() == [created]
    assert accounts.open(OTHER).client_id == OTHER
    with accounts.open(OTHER).read() as connection:
        assert connection.scalar(select(account.c.default_retention)) == {"default": None}
    accounts.close()


def test_an_account_is_created_once(settings: Settings) -> None:
    accounts = Accounts(settings)
    before = accounts.all()
    with pytest.raises(Conflict, match=str(CLIENT_ID)):
        accounts.create(CLIENT_ID, "A firm again")
    assert accounts.all() == before
    accounts.close()


def test_of_many_who_create_the_same_account_at_once_one_succeeds(nothing: Settings) -> None:
    def create(number: int) -> str:
        accounts = Accounts(nothing)
        try:
            return accounts.create(OTHER, f"Firm {number}").name
        except Problem as problem:
            return type(problem).__name__
        finally:
            accounts.close()

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(create, range(4)))
    assert outcomes.count("Conflict") == 3
    accounts = Accounts(nothing)
    (created,) = accounts.all()
    assert created.name in outcomes
    with accounts.open(OTHER).read() as connection:
        assert connection.scalar(select(func.count()).select_from(account)) == 1
    accounts.close()


def test_an_account_that_could_not_be_finished_is_not_there_and_can_be_created_again(
    settings: Settings,
) -> None:
    accounts = Accounts(settings)

    def fail(_connection: Connection, _cursor: object, statement: str, *_others: object) -> None:
        if statement.startswith("INSERT INTO") and "counters" in statement:
            raise OSError("the disk is gone")

    event.listen(Engine, "before_cursor_execute", fail)
    try:
        with pytest.raises(OSError, match="the disk is gone"):
            accounts.create(OTHER, "Another firm")
    finally:
        event.remove(Engine, "before_cursor_execute", fail)
    assert [one.client_id for one in accounts.all()] == [CLIENT_ID]
    with pytest.raises(NotFound):
        accounts.open(OTHER)
    accounts.create(OTHER, "Another firm")
    assert accounts.open(OTHER).client_id == OTHER
    accounts.close()


def test_an_account_that_is_not_there_is_not_found_and_not_made(settings: Settings) -> None:
    accounts = Accounts(settings)
    with pytest.raises(NotFound, match=str(OTHER)):
        accounts.open(OTHER)
    assert not (settings.data / "accounts" / str(OTHER)).exists()
    accounts.close()


def test_accounts_never_see_each_other(settings: Settings) -> None:
    accounts = Accounts(settings)
    accounts.create(OTHER, "Another firm")
    one, other = accounts.open(CLIENT_ID), accounts.open(OTHER)
    with one.write() as connection:
        add_user(connection, "jane", ["Admin"])
    with other.read() as connection:
        assert connection.scalar(select(func.count()).select_from(users)) == 0
        with pytest.raises(NotFound):
            user_id_of(connection, "jane")
        assert queue.list_jobs(connection) == []
    with other.write() as connection:
        assert add_user(connection, "jane", ["Recorder"]) == 1
    with one.read() as connection:
        names = connection.scalars(select(account.c.client_id))
        assert list(names) == [CLIENT_ID]
    accounts.close()


def test_a_read_cannot_write_on_postgresql_and_sees_one_moment_on_both(settings: Settings) -> None:
    accounts = Accounts(settings)
    archive = accounts.open(CLIENT_ID)
    with archive.read() as reading:
        assert reading.scalar(select(func.count()).select_from(users)) == 0
        with archive.write() as writing:
            add_user(writing, "jane", [])
        assert reading.scalar(select(func.count()).select_from(users)) == 0
    with archive.read() as reading:
        assert reading.scalar(select(func.count()).select_from(users)) == 1
    accounts.close()


def test_a_write_that_fails_leaves_nothing(settings: Settings) -> None:
    accounts = Accounts(settings)
    archive = accounts.open(CLIENT_ID)

    def interrupted() -> None:
        with archive.write() as connection:
            add_user(connection, "jane", ["Admin"])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with archive.read() as connection:
        assert connection.scalar(select(func.count()).select_from(users)) == 0
    accounts.close()


def test_lost_keys_are_never_silently_replaced(settings: Settings) -> None:
    (settings.keys_folder / KEYS_FILE).unlink()
    accounts = Accounts(settings)
    with pytest.raises(KeysMissing):
        accounts.open(CLIENT_ID)
    with pytest.raises(KeysMissing):
        accounts.create(OTHER, "Another firm")
    assert not (settings.keys_folder / KEYS_FILE).exists()
    assert [one.client_id for one in accounts.all()] == [CLIENT_ID]
    accounts.close()


def test_every_account_is_upgraded_and_named(old_tables: OldTables) -> None:
    settings = old_tables.settings
    accounts = Accounts(settings, upgrading=True)
    accounts.create(OTHER, "Another firm")
    accounts.close()
    accounts = Accounts(settings)
    with pytest.raises(AccountUnavailable) as refused:
        accounts.open(CLIENT_ID)
    said = f"Account {CLIENT_ID} has older tables: run `earwitness db upgrade` first."
    assert refused.value.sentence == said
    upgraded = dict(accounts.upgrade())
    assert list(upgraded) == [CLIENT_ID, OTHER]
    assert len(set(upgraded.values())) == 1
    accounts.close()
    accounts = Accounts(settings)
    for client_id, count in ((CLIENT_ID, 1), (OTHER, 0)):  # the older account has its administrator
        with accounts.open(client_id).read() as connection:
            assert connection.scalar(select(func.count()).select_from(users)) == count
    accounts.close()


def test_users_of_an_open_account_do_not_wait_while_another_is_opened(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = Accounts(settings)
    accounts.create(OTHER, "Another firm")
    opened = accounts.open(CLIENT_ID)
    sweeping, may_end = threading.Event(), threading.Event()

    def sweep(_archive: Archive) -> int:
        sweeping.set()
        assert may_end.wait(60)
        return 0

    monkeypatch.setattr(Archive, "sweep", sweep)
    with ThreadPoolExecutor(2) as pool:
        opening = pool.submit(accounts.open, OTHER)
        assert sweeping.wait(60)
        meanwhile = pool.submit(accounts.open, CLIENT_ID)
        try:
            assert meanwhile.result(30) is opened
        finally:
            may_end.set()
        assert opening.result(30).client_id == OTHER
    accounts.close()


def test_an_account_opens_though_the_uploads_of_dead_processes_cannot_be_settled(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def sweep(_archive: Archive) -> int:
        raise Unavailable("The bucket does not answer.")

    monkeypatch.setattr(Archive, "sweep", sweep)
    accounts = Accounts(settings)
    assert accounts.open(CLIENT_ID).client_id == CLIENT_ID
    assert f"account {CLIENT_ID}: uploads of dead processes are left there: Unavailable" in caplog.text
    accounts.close()
