"""What the log has of an outage: a line at its start, one a minute, one at its end; requests have codes."""

import itertools
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, event

from earwitness.kernel import outages as told
from earwitness.kernel.logs import JsonLines
from earwitness.kernel.outages import Outages
from earwitness.kernel.settings import Settings
from tests.cli.conftest import environment_of
from tests.firm import Firm, call
from tests.outages.lines import nobody
from tests.postgres import gone, run_in_postgres
from tests.waiting import until

on_postgres = pytest.mark.parametrize("settings", ["postgresql"], indirect=True)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(told, "monotonic", clock)
    return clock


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    for clients_own in ("httpx2", "httpcore2"):
        caplog.set_level(logging.WARNING, clients_own)
    caplog.set_level(logging.INFO)
    caplog.handler.setFormatter(JsonLines())
    return caplog


def read(lines: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines.text.splitlines()]


def of_outages(lines: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [line for line in read(lines) if "outage" in line]


def test_an_outage_is_a_line_at_its_start_one_a_minute_and_one_at_its_end(
    clock: Clock, lines: pytest.LogCaptureFixture
) -> None:
    outages = Outages()
    for _ in range(1300):
        outages.failed("database", "it is away")
        outages.worked("media store")
        clock.now += 0.1
    outages.worked("database")  # some calls may go well while others do not
    clock.now += 10
    for _ in range(10):
        outages.worked("database")
    states = [(line["outage"], line["state"], line["level"], line["cause"]) for line in of_outages(lines)]
    assert states == [
        ("database", "begins", "ERROR", "it is away"),
        ("database", "goes on", "ERROR", "it is away"),
        ("database", "goes on", "ERROR", "it is away"),
        ("database", "is over", "WARNING", "it is away"),
    ]
    [*_, over] = of_outages(lines)
    assert (over["seconds"], over["failures"]) == (140, 1300)


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_what_is_out_when_a_server_starts_has_its_line_too(settings: Settings) -> None:
    with nobody() as port:
        bucket = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
        of_this = environment_of(replace(settings, media_url="s3://archive/firm"))
        command = [sys.executable, "-m", "earwitness", "serve", "--port", "0"]
        environment = os.environ | of_this | bucket
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as server:
            assert server.stderr is not None
            told = (json.loads(line) for line in server.stderr)
            [begins] = itertools.islice((line for line in told if "outage" in line), 1)
            server.kill()
    assert (begins["outage"], begins["state"], begins["level"]) == ("media store", "begins", "ERROR")
    assert "Connection refused" in begins["cause"]


@on_postgres
def test_a_server_and_its_jobs_tell_once_that_the_database_is_gone_and_once_that_it_is_back(
    settings: Settings, postgres_url: str, lines: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(told, "QUIET_SECONDS", 0.5)
    with Firm(replace(settings, jobs=True)) as firm:
        token = firm.headers()
        firm.ingest()
        lines.clear()
        with gone(firm.settings.database_url, postgres_url):
            for _ in range(3):
                assert firm.client.get("/readyz").status_code == 503
                answer = firm.client.post("/api/client/recording.search", json={}, headers=token)
                assert answer.status_code == 503
                time.sleep(1)  # what the loops of the jobs say meanwhile
        until(lambda: any(line["state"] == "is over" for line in of_outages(lines)), "the outage is over")
        assert [line["state"] for line in of_outages(lines)] == ["begins", "is over"]
        others = [line for line in read(lines) if "outage" not in line and line["level"] != "INFO"]
        assert {line["message"] for line in others} == {"request"}
        assert len(others) == 6
        assert {line["code"] for line in others} == {"not-ready", "unavailable"}
        assert all(
            "accepting connections" in line["cause"] for line in others if line["code"] == "unavailable"
        )


def test_the_line_of_a_request_has_its_code_and_a_level_by_its_status(
    firm: Firm, lines: pytest.LogCaptureFixture
) -> None:
    firm.headers()
    lines.clear()
    answers = [
        firm.call("POST", "/client/recording.search", {}),
        firm.call("POST", "/client/recording.search", {"freeText": "(secret"}),
        firm.client.post("/api/client/recording.search", json={}),
        firm.call("GET", "/client/recording/1/media"),
        firm.call("GET", "/nothing/here"),
        firm.call("DELETE", "/client/recording.search"),
    ]
    for line, answer in zip(read(lines), answers, strict=True):
        assert line["message"] == "request"
        assert line["status"] == answer.status_code
        assert line["level"] == "INFO"
        assert line.get("code") == answer.json().get("code")
    assert "secret" not in lines.text


@contextmanager
def refusing_writes(firm: Firm) -> Iterator[None]:
    """Let the database refuse new recordings, in the words of one that takes no writes."""
    if firm.settings.database_url:
        table = f"account_{firm.archive.client_id}.recordings"
        run_in_postgres(
            firm.settings.database_url,
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION"
            " 'cannot execute INSERT in a read-only transaction' USING ERRCODE = '25006'; END $$",
            f"CREATE TRIGGER refuse BEFORE INSERT ON {table} EXECUTE FUNCTION refuse()",
        )
        yield
        run_in_postgres(firm.settings.database_url, f"DROP TRIGGER refuse ON {table}", "DROP FUNCTION refuse")
        return

    def refuse(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA query_only = ON")

    event.listen(firm.archive.engine, "begin", refuse)
    yield
    event.remove(firm.archive.engine, "begin", refuse)
    firm.archive.engine.dispose()


def test_a_database_that_takes_no_writes_is_said_and_reads_go_on(
    firm: Firm, lines: pytest.LogCaptureFixture
) -> None:
    firm.ingest()
    lines.clear()
    with refusing_writes(firm):
        answer = firm.send(call(thirdPartyId="another"))
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert "takes no writes" in answer.json()["detail"]
        assert firm.search() == ["call-1"]
    [line] = [line for line in read(lines) if line.get("status") == 503]
    assert line["level"] == "WARNING"
    assert line["cause"].startswith("25006" if firm.settings.database_url else "SQLITE_READONLY")
    assert firm.send(call(thirdPartyId="another")).status_code == 201


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_a_damaged_database_is_said_as_what_no_second_try_mends(
    firm: Firm, lines: pytest.LogCaptureFixture
) -> None:
    for number in range(30):
        firm.ingest(thirdPartyId=f"call-{number}", analysis=["x" * 3000])
    token = firm.headers()
    with firm.archive.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        table = "SELECT rootpage FROM sqlite_master WHERE name = 'recordings'"
        root = connection.exec_driver_sql(table).scalar_one()
        page_size = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
    firm.archive.engine.dispose()
    with (firm.settings.data / "accounts" / str(firm.archive.client_id) / "archive.db").open("r+b") as file:
        file.seek((root - 1) * page_size)
        file.write(b"\xff" * page_size)
    lines.clear()
    answer = firm.client.post("/api/client/recording.search", json={}, headers=token)
    assert (answer.status_code, answer.json()["code"]) == (500, "database-damaged")
    assert "retry-after" not in answer.headers
    [line] = [line for line in read(lines) if line.get("status") == 500]
    assert (line["level"], line["code"]) == ("ERROR", "database-damaged")
    assert line["cause"].startswith("SQLITE_CORRUPT")
    [outage] = of_outages(lines)
    assert outage["outage"] == f"database of account {firm.archive.client_id}"
