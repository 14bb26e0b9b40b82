"""A server that vanishes in the middle of a write, or stops, keeps no other from writing for long."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from earwitness.archive.database import transactions
from earwitness.archive.database.engines import postgres_engine
from earwitness.archive.database.errors import as_problem
from earwitness.archive.database.postgresql import parameters_of
from earwitness.archive.database.transactions import reading, writing
from earwitness.kernel.settings import Settings
from tests.cli.conftest import environment_of
from tests.firm import Firm, call, tone
from tests.outages.lines import line_to

pytestmark = pytest.mark.parametrize("settings", ["postgresql"], indirect=True)

WRITER = """
import signal
from earwitness.archive.accounts.accounts import Accounts
from earwitness.kernel.settings import Settings
from tests.firm import CLIENT_ID

with Accounts(Settings.from_environment()).open(CLIENT_ID).write() as connection:
    print("holds", flush=True)
    signal.pause()
"""


@contextmanager
def stopped_writer(settings: Settings) -> Iterator[None]:
    """A server that has the account's counter, and does nothing any more; its connection stands."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER],
        env=os.environ | environment_of(settings),
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        try:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "holds\n"
            writer.send_signal(signal.SIGSTOP)
            yield
        finally:
            writer.kill()


def test_others_write_again_after_a_server_stopped_in_the_middle_of_a_write(settings: Settings) -> None:
    with Firm(settings) as firm:
        firm.headers()
        with stopped_writer(settings):
            began = time.monotonic()
            assert firm.send(call(), tone()).status_code == 201
            assert time.monotonic() - began < 20


def told(url: str, *names: str) -> list[str]:
    """What the settings of a session are that is made as ours are."""
    with psycopg.connect(**parameters_of(url)) as connection:
        found = [connection.execute(f"SHOW {name}".encode()).fetchone() for name in names]
        return [row[0] for row in found if row]


def test_both_ends_soon_notice_that_the_other_is_gone(settings: Settings) -> None:
    names = ("keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout")
    with line_to(settings.database_url) as (_, url):
        parameters = parameters_of(url)
        idle, interval, count, unacknowledged_ms = (int(parameters[name]) for name in names)
        assert idle + interval * count <= 10
        assert unacknowledged_ms <= 10_000
        assert int(parameters["connect_timeout"]) <= 5
    # The server's socket is one of this machine alone: what it would do over TCP, it is told all the same.
    for name in (
        "tcp_keepalives_idle",
        "tcp_keepalives_interval",
        "tcp_keepalives_count",
        "tcp_user_timeout",
    ):
        assert f"-c {name}=" in parameters["options"]


def test_what_a_url_says_wins(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    url = settings.database_url
    assert told(url, "jit", "lock_timeout") == ["off", "0"]
    theirs = f"{url}&options=-c%20jit%3Don%20-c%20lock_timeout%3D77&connect_timeout=9&application_name=ours"
    assert told(theirs, "jit", "lock_timeout", "application_name") == ["on", "77ms", "ours"]
    assert parameters_of(theirs)["connect_timeout"] == "9"
    monkeypatch.setenv("PGOPTIONS", "-c lock_timeout=88")
    monkeypatch.setenv("PGCONNECT_TIMEOUT", "7")
    assert told(url, "jit", "lock_timeout") == ["off", "88ms"]
    assert "connect_timeout" not in parameters_of(url)


def test_of_several_hosts_the_one_is_taken_that_takes_writes(settings: Settings) -> None:
    with line_to(settings.database_url) as (line, url):
        hosts = f"127.0.0.1:1,127.0.0.1:{line.port}"
        several = url.replace(f"127.0.0.1:{line.port}", hosts) + "?target_session_attrs=read-write"
        engine = postgres_engine(several)
        with writing(engine) as connection:
            assert connection.scalar(text("SELECT 1")) == 1
        engine.dispose()


def test_a_write_that_stands_still_is_given_up_and_a_patient_one_is_not(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "IDLE_MS", 100)
    engine = postgres_engine(settings.database_url)

    def write(**given: Any) -> None:
        with writing(engine, **given) as connection:
            connection.execute(text("UPDATE accounts SET name = 'b'"))
            time.sleep(1)  # what is tested: that nothing happens for as long
            connection.execute(text("UPDATE accounts SET name = 'c'"))

    with pytest.raises(Exception) as refused:
        write()
    assert as_problem(refused.value).cause
    with reading(engine) as connection:
        assert connection.scalar(text("SELECT name FROM accounts")) == "A firm"
        time.sleep(1)
        assert connection.scalar(text("SELECT name FROM accounts")) == "A firm"
    write(patient=True)
    with reading(engine) as connection:
        assert connection.scalar(text("SELECT name FROM accounts")) == "c"
    engine.dispose()
