"""PostgreSQL before version 16 is refused, and the message names its version."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from earwitness.archive.accounts.accounts import Accounts
from earwitness.archive.accounts.opening.unfit import PostgresTooOld
from earwitness.kernel.settings import Settings
from tests.cli.running import run
from tests.waiting import until

FOLDER = Path("/usr/lib/postgresql/15/bin")


@pytest.fixture
def old_postgres(tmp_path: Path) -> Iterator[str]:
    """A server of PostgreSQL 15, which is not started as root: as nobody then."""
    if not (FOLDER / "initdb").exists():
        pytest.skip(f"there is no PostgreSQL 15 in {FOLDER}: that it is refused was NOT tested")
    data = Path("/tmp") / f"earwitness-postgres-15-{os.getpid()}"
    data.mkdir(mode=0o700)
    user = "nobody" if os.getuid() == 0 else None
    if user:
        shutil.chown(data, user)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = [f"{FOLDER}/initdb", "-D", f"{data}/data", "-U", "postgres", "-A", "trust", "--no-sync"]
    process: subprocess.Popen[bytes] | None = None
    try:
        subprocess.run(made, check=True, user=user, stdout=subprocess.DEVNULL, cwd=data)
        started = [f"{FOLDER}/postgres", "-D", f"{data}/data", "-p", str(port), "-k", str(data), "-F"]
        process = subprocess.Popen(started, user=user, stderr=subprocess.DEVNULL, cwd=data)
        url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        until(lambda: _answers(url), "PostgreSQL 15 answers", seconds=60)
        yield url
    finally:
        if process is not None:
            process.terminate()
            process.wait(30)
        shutil.rmtree(data)


def _answers(url: str) -> bool:
    with suppress(psycopg.OperationalError), psycopg.connect(url):
        return True
    return False


def test_an_older_postgresql_is_refused_by_its_name(old_postgres: str, tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data", keys=tmp_path / "keys", database_url=old_postgres, jobs=False)
    with pytest.raises(
        PostgresTooOld, match=r"^The database is PostgreSQL 15\.\d+: version 16 or a newer one"
    ):
        Accounts(settings)
    for words in (("account", "list"), ("serve", "--port", 0), ("db", "upgrade")):
        refused = run(settings, *words)
        assert refused.exit_code == 1
        assert "PostgreSQL 15" in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
    with psycopg.connect(old_postgres) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        assert tables.fetchone() == (0,)
