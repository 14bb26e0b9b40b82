"""PostgreSQL with a synchronous standby: a failover is as docs/operations.md describes it."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx2
import psycopg
import pytest
from bench.faults.network import Loopback
from bench.faults.part import Part
from bench.faults.postgres import Cluster

from earwitness.archive.accounts.accounts import Accounts
from earwitness.archive.receipts.alarm import alarm
from earwitness.archive.receipts.written import receipts_of
from earwitness.kernel.settings import Settings
from earwitness.workers.upkeep import Upkeep
from tests.firm import CLIENT_ID, Firm, call, tone
from tests.serving import administrator, server
from tests.waiting import until

SLACK_SECONDS = 10
HOST = "127.0.0.1"
WAITS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


@dataclass
class Pair:
    """A primary and a standby that follows it. Both can be killed."""

    primary: Part
    standby: Part
    ports: tuple[int, int]

    @property
    def url(self) -> str:
        hosts = ",".join(f"{HOST}:{port}" for port in self.ports)
        return f"postgresql://postgres@{hosts}/postgres?target_session_attrs=read-write&connect_timeout=2"

    def run(self, which: int, *statements: str) -> list[tuple[object, ...]]:
        at = f"postgresql://postgres@{HOST}:{self.ports[which]}/postgres"
        with psycopg.connect(at, autocommit=True) as connection:
            done = [connection.execute(statement.encode()) for statement in statements]
            return done[-1].fetchall()

    def wait_for_standby(self) -> None:
        self.run(0, "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (*)'", "SELECT pg_reload_conf()")
        in_step = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'quorum'"
        until(lambda: self.run(0, in_step) == [(1,)], "the standby is in step")

    def fail_over(self) -> None:
        """Kill the primary for good, and promote the standby, which then commits without a standby."""
        self.primary.kill()
        self.run(1, "SELECT pg_promote(true, 30)")
        self.run(1, "ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A pair in a folder that other runs of pytest do not close to PostgreSQL's user."""
    with TemporaryDirectory(dir=os.environ["TESTS_POSTGRES_FOLDER"]) as folder:
        Path(folder).chmod(0o755)
        with running_pair(Path(folder)) as pair:
            yield pair


@contextmanager
def running_pair(folder: Path) -> Iterator[Pair]:
    network = Loopback()
    ports = network.port("primary"), network.port("standby")
    with ExitStack() as leaving:
        cluster = Cluster.make(folder / "primary")
        primary = Part("primary", cluster.foreground_command(HOST, ports[0]), {}, folder / "primary.log")
        leaving.callback(primary.kill)
        primary.start()
        pair = Pair(primary, primary, ports)
        until(lambda: answers(pair, 0), "the primary answers")
        copy = cluster.make_standby(folder / "standby", f"{HOST}:{ports[0]}")
        pair.standby = Part("standby", copy.foreground_command(HOST, ports[1]), {}, folder / "standby.log")
        leaving.callback(pair.standby.kill)
        pair.standby.start()
        until(lambda: answers(pair, 1), "the standby answers")
        yield pair


def answers(pair: Pair, which: int) -> bool:
    try:
        return bool(pair.run(which, "SELECT 1"))
    except psycopg.OperationalError:
        return False


@pytest.fixture
def settings_of_pair(pair: Pair, tmp_path: Path) -> Settings:
    settings = Settings(
        data=tmp_path / "data", keys=tmp_path / "keys", database_url=pair.url, jobs=False, request_seconds=5
    )
    accounts = Accounts(settings)
    accounts.create(CLIENT_ID, "A firm")
    accounts.close()
    return settings


@pytest.fixture
def firm(settings_of_pair: Settings) -> Iterator[Firm]:
    with Firm(settings_of_pair) as firm:
        yield firm


def test_after_a_failover_everything_acknowledged_is_there_and_more_is_taken_in(
    pair: Pair, firm: Firm
) -> None:
    pair.wait_for_standby()
    ids = [firm.ingest(tone(), thirdPartyId=f"before-{number}") for number in range(5)]
    pair.primary.kill()
    refused = firm.send(call(thirdPartyId="meanwhile"), tone())
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert refused.headers["retry-after"]
    pair.fail_over()
    until(lambda: firm.client.get("/readyz").is_success, "the server is ready again, by itself")
    assert firm.send(call(thirdPartyId="meanwhile"), tone()).status_code == 201
    assert firm.ingest(tone(), thirdPartyId="after") > max(ids)
    assert sorted(firm.search()) == ["after", *(f"before-{number}" for number in range(5)), "meanwhile"]


def test_nothing_is_acknowledged_while_the_standby_does_not_have_it(pair: Pair, firm: Firm) -> None:
    pair.wait_for_standby()
    firm.ingest(tone(), thirdPartyId="before")
    pair.standby.signal(signal.SIGSTOP)
    came: list[httpx2.Response] = []
    sender = threading.Thread(
        target=lambda: came.append(firm.send(call(thirdPartyId="waits"), tone())), daemon=True
    )
    sender.start()
    until(lambda: pair.run(0, WAITS) != [(0,)], "a commit waits for the standby")
    pair.standby.kill()
    pair.primary.kill()
    sender.join(60)
    assert [answer.status_code for answer in came] == [503]


def test_while_the_standby_is_away_a_sender_is_answered_in_time_and_not_acknowledged(
    pair: Pair, settings_of_pair: Settings
) -> None:
    """This uses a server process: in this process a call would end only with its commit."""
    with server(settings_of_pair, administrator(settings_of_pair)) as running:
        pair.wait_for_standby()
        pair.standby.signal(signal.SIGSTOP)
        parts = {"metadata": (None, json.dumps(call(thirdPartyId="waits")), "application/json")}
        began = time.monotonic()
        refused = running.client.post("/ingest/recording", files=parts)
        assert time.monotonic() - began < settings_of_pair.request_seconds + 5 + SLACK_SECONDS
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        assert pair.run(0, WAITS) != [(0,)]
        pair.standby.signal(signal.SIGCONT)
        assert running.client.post("/ingest/recording", files=parts).status_code == 200


@pytest.mark.parametrize("ends", ["pg_terminate_backend", "pg_cancel_backend"])
def test_a_commit_that_is_let_go_without_the_standby_is_not_acknowledged(
    pair: Pair, firm: Firm, ends: str
) -> None:
    """The sender is told to send again, and the second commit waits for the standby, too.

    PostgreSQL itself reports the cancelled commit as done.
    """
    pair.wait_for_standby()
    firm.ingest(tone(), thirdPartyId="before")
    pair.standby.signal(signal.SIGSTOP)
    came: list[httpx2.Response] = []

    def send() -> None:
        came.append(firm.send(call(thirdPartyId="waits"), tone()))

    def send_again() -> None:
        send()
        send()

    sender = threading.Thread(target=send_again, daemon=True)
    sender.start()
    end = f"SELECT {ends}(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    until(lambda: pair.run(0, end), "a commit waits for the standby, and is let go")
    until(lambda: came, "the sender is answered")
    assert came[0].status_code == 503
    until(lambda: pair.run(0, WAITS) != [(0,)], "the second commit waits as well")
    assert len(came) == 1
    pair.standby.signal(signal.SIGCONT)
    sender.join(60)
    assert [answer.status_code for answer in came] == [503, 200]
    assert sorted(firm.search()) == ["before", "waits"]


def test_an_asynchronous_standby_that_lags_loses_what_was_acknowledged(pair: Pair, firm: Firm) -> None:
    firm.ingest(tone(), thirdPartyId="before")
    newest = "SELECT pg_current_wal_lsn()"
    [[position]] = pair.run(0, newest)
    reached = f"SELECT pg_last_wal_replay_lsn() >= '{position}'"
    until(lambda: pair.run(1, reached) == [(True,)], "the standby has what came before")
    pair.standby.kill()
    lost = firm.ingest(tone(), thirdPartyId="lost")
    accounts: Accounts = firm.app.state.installation.accounts
    Upkeep(accounts).go_round()
    assert alarm(receipts_of(firm.settings, CLIENT_ID)) == []
    pair.primary.kill()
    pair.standby.start()
    until(lambda: answers(pair, 1), "the standby answers")
    pair.fail_over()
    until(lambda: firm.client.get("/readyz").is_success, "the server is ready again, by itself")
    assert firm.search() == ["before"]
    Upkeep(accounts).go_round()
    assert [one.third_party_id for one in alarm(receipts_of(firm.settings, CLIENT_ID))] == ["lost"]
    assert firm.ingest(tone(), thirdPartyId="after") > lost
    firm.ingest(tone(), thirdPartyId="lost")
    assert alarm(receipts_of(firm.settings, CLIENT_ID)) == []
