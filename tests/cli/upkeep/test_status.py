"""earwitness status: accounts, unfinished work, and what an operator should know."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from typer.testing import CliRunner

from earwitness.archive.access.usernames import exact_key
from earwitness.archive.accounts.accounts import Accounts
from earwitness.archive.schema.people import users
from earwitness.archive.schema.work import jobs
from earwitness.archive.upkeep.text_rebuild import Pace, Progress, go_on, progress
from earwitness.cli.main import app
from tests.cli.conftest import Run, environment_of
from tests.conftest import DATABASES
from tests.firm import CLIENT_ID, Firm, tone
from tests.old_archives import old_firm, old_installation


def test_status_shows_accounts_and_unfinished_work(firm: Firm, tell: Callable[..., Any]) -> None:
    accounts = Accounts(firm.settings)
    accounts.create(42, "Another firm")
    accounts.close()
    for number in range(3):
        firm.ingest(tone(), thirdPartyId=f"call-{number}")
    firm.ingest(thirdPartyId="without media")
    with firm.archive.write() as connection:
        connection.execute(update(jobs).where(jobs.c.id == 1).values(state="dead"))
        connection.execute(update(jobs).where(jobs.c.id == 2).values(queued_at=jobs.c.queued_at - 90_000))
    told = tell("status")
    assert [one["clientId"] for one in told["accounts"]] == [42, CLIENT_ID]
    other, account = told["accounts"]
    assert (other["recordings"], other["mediaBytes"], other["keys"]) == (0, 0, {})
    assert other["oldestQueuedSeconds"] is None
    assert (account["recordings"], account["jobs"]) == (4, {"queued": 2, "running": 0, "dead": 1})
    assert account["mediaBytes"] > 3 * len(tone())
    assert 90 <= account["oldestQueuedSeconds"] < 600
    assert account["keys"] == {told["currentKey"]: 3}
    assert 0 < told["disk"]["freeBytes"] < told["disk"]["totalBytes"]


def test_status_is_a_table_without_json(firm: Firm, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    firm.ingest(tone())
    shown = run("status").stdout
    assert "A firm" in shown
    assert "kek-" in shown
    assert "1 recording" in shown
    assert "The server is not ready" not in shown
    monkeypatch.setenv("EARWITNESS_MIN_FREE_MIB", "999999999")
    assert "not ready" in run("status").stdout


def test_status_says_that_there_is_no_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARWITNESS_DATA", f"{tmp_path}/new")
    shown = CliRunner().invoke(app, ["status"])
    assert (shown.exit_code, "There is no account yet." in shown.stdout) == (0, True)


@pytest.mark.parametrize("database", DATABASES)
def test_status_shows_the_progress_of_a_text_index_rebuild(
    database: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url = request.getfixturevalue("postgres_url") if database == "postgresql" else None
    with old_firm("0007", tmp_path, url) as firm:
        go_on(firm.archive, "worker", Pace(4))
        environment = environment_of(firm.settings)

        def printed(*arguments: str) -> str:
            return " ".join(CliRunner().invoke(app, list(arguments), env=environment).stdout.split())

        recordings = len(firm.search())
        told = json.loads(printed("status", "--json"))["accounts"][0]["textRebuild"]
        assert told == {"done": 4, "recordings": recordings}
        assert f"the text index is being rebuilt, 4 of {recordings} recordings" in printed("status")
        [job, *_] = json.loads(printed("jobs", "list", str(CLIENT_ID), "--json"))
        assert (job["kind"], job["state"], job["id"]) == ("rebuild", "running", None)
        assert f"4 of {recordings} recordings" in job["log"][-1]["text"]
        assert "rebuild" in printed("jobs", "list", str(CLIENT_ID))
        while progress_of(firm) is not None:
            go_on(firm.archive, "worker")
        assert json.loads(printed("status", "--json"))["accounts"][0]["textRebuild"] is None
        assert "being rebuilt" not in printed("jobs", "list", str(CLIENT_ID))


def progress_of(firm: Firm) -> Progress | None:
    with firm.archive.read() as connection:
        return progress(connection)


def test_users_that_look_alike_are_named(firm: Firm, run: Run, tell: Callable[..., Any]) -> None:
    assert tell("status")["accounts"][0]["usersThatLookAlike"] == []
    assert "look alike" not in run("status").stdout
    ids = [firm.add_user(name, []) for name in ("jane", "other", "bob")]
    with firm.archive.write() as connection:
        for user_id, name in zip(ids, ("jane", "ｊane", "bob"), strict=True):
            key = "bob" if name == "bob" else exact_key(name)
            this = users.c.id == user_id
            connection.execute(update(users).where(this).values(username=name, username_folded=key))
    [pair] = tell("status")["accounts"][0]["usersThatLookAlike"]
    assert pair == [{"id": ids[0], "username": "jane"}, {"id": ids[1], "username": "ｊane"}]
    assert f"jane (id {ids[0]}) and ｊane (id {ids[1]})" in " ".join(run("status").stdout.split())


@pytest.mark.parametrize("database", DATABASES)
def test_before_the_upgrade_it_says_what_to_do(
    database: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url = request.getfixturevalue("postgres_url") if database == "postgresql" else None
    with old_installation("0007", tmp_path, url) as settings:
        told = CliRunner().invoke(app, ["status", "--json"], env=environment_of(settings))
    assert told.exit_code == 1
    assert "has older tables: run `earwitness db upgrade` first." in json.loads(told.stdout)["error"]
