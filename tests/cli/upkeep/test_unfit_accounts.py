"""Commands, servers and workers with one damaged account: it is named, and the others work as before."""

import json
import os
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner, Result

from earwitness.archive.accounts.accounts import Accounts
from earwitness.archive.database.upgrades import newest
from earwitness.archive.jobs import queue
from earwitness.cli.main import app
from earwitness.cli.operator import action
from earwitness.ingest.incoming_recording import receive
from earwitness.kernel.settings import Settings
from tests.cli.conftest import environment_of
from tests.cli.running import running
from tests.firm import CLIENT_ID, call, tone
from tests.serving import administrator, server
from tests.unfit import OTHER, damage, each_damage, with_another_account
from tests.waiting import until

ONE_OF_EACH = [("sqlite", "cut off"), ("postgresql", "another machine does not answer")]

of_each_database = pytest.mark.parametrize(("settings", "kind"), ONE_OF_EACH, indirect=["settings"])


def invoke(settings: Settings, *words: object) -> Result:
    result = CliRunner().invoke(app, [str(word) for word in words], env=environment_of(settings))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    return result


def told(settings: Settings, *words: object) -> Any:
    return json.loads(invoke(settings, *words, "--json").stdout)


@each_damage
def test_a_command_on_a_damaged_account_says_what_is_wrong(settings: Settings, kind: str) -> None:
    served, _ = with_another_account(settings)
    _, said = damage(served, kind)
    for words in (("jobs", "list", OTHER), ("incomplete", OTHER), ("user", "list", OTHER), ("verify", OTHER)):
        refused = invoke(served, *words)
        assert refused.exit_code == 1
        [line] = refused.stderr.splitlines()
        assert line.startswith(f"earwitness: Account {OTHER} ")
        assert said in line
        assert line.endswith(".")


@each_damage
def test_commands_on_other_accounts_and_on_all_accounts_work(settings: Settings, kind: str) -> None:
    served, _ = with_another_account(settings)
    _, said = damage(served, kind)
    for words in (("jobs", "list", CLIENT_ID), ("incomplete", CLIENT_ID), ("user", "list", CLIENT_ID)):
        assert invoke(served, *words).exit_code == 0
    assert [one["clientId"] for one in told(served, "account", "list")] == [CLIENT_ID, OTHER]
    assert invoke(settings, "account", "create", 42, "--name", "A third firm").exit_code == 0
    keys = invoke(served, "key", "list")
    assert keys.exit_code == 1
    assert said in keys.stdout
    shown = invoke(settings, "status")
    assert shown.exit_code == 0


@each_damage
def test_status_names_a_damaged_account_and_its_cause(settings: Settings, kind: str) -> None:
    served, _ = with_another_account(settings)
    invoke(served, "status")
    _, said = damage(served, kind)
    shown = invoke(served, "status")
    assert shown.exit_code == 0
    assert said in shown.stdout
    firm, other = told(served, "status")["accounts"]
    assert firm["refused"] is None
    assert said in other["refused"]["sentence"]
    assert other["refused"]["since"].endswith("Z")
    assert (firm["recordings"], other["recordings"]) == (0, 0)


@each_damage
def test_an_upgrade_goes_on_with_the_others_and_exits_1(settings: Settings, kind: str) -> None:
    with_another_account(settings)
    mend, said = damage(settings, kind)
    upgraded = told(settings, "db", "upgrade")
    current = {"clientId": CLIENT_ID, "revision": newest("account")}
    assert current in upgraded
    if kind in ("no right to it", "no right to a table", "another machine does not answer"):
        return  # the owner of the tables may still do everything, so the upgrade succeeds
    if kind in ("a table is missing", "another account's", "older tables"):
        return  # an upgrade does not look at this
    [other] = [one for one in upgraded if one["clientId"] == OTHER]
    assert said in other["error"] or "unable to open" in other["error"]
    assert invoke(settings, "db", "upgrade").exit_code == 1
    mend()
    assert invoke(settings, "db", "upgrade").exit_code == 0


@of_each_database
def test_a_server_and_a_worker_start_and_go_on_with_the_other_accounts(settings: Settings, kind: str) -> None:
    credentials = administrator(settings)
    served, others = with_another_account(settings)
    mend, _ = damage(served, kind)
    with server(served, credentials) as serving, running(served, "worker", "--json"):
        metadata = json.dumps(call(thirdPartyId="with the others")).encode()
        files = {"metadata": (None, metadata), "media": ("call.wav", tone(0.1))}
        assert serving.client.post("/ingest/recording", files=files).status_code == 201
        until(lambda: jobs_of(settings, CLIENT_ID) == {"done"}, "the worker did its job")

        def signed_in() -> int:
            return httpx2.post(f"{serving.client.base_url}authWithApiKey", json=others).status_code

        assert signed_in() == 503
        mend()
        until(lambda: signed_in() == 200, "the damaged account is back")
        accounts = Accounts(settings)
        with receive(accounts.open(OTHER)) as reception:
            reception.write(tone(0.1))
            reception.accept(json.dumps(call()).encode(), action("test", "Ingest"))
        accounts.close()
        until(lambda: jobs_of(settings, OTHER) == {"done"}, "the worker does its jobs, too", seconds=60)


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_a_file_that_is_cut_off_in_use_does_not_end_the_server(settings: Settings) -> None:
    credentials = administrator(settings)
    served, others = with_another_account(settings)
    with server(served, credentials) as serving:
        token = serving.client.post("/authWithApiKey", json=others).json()["token"]
        os.truncate(settings.data / "accounts" / str(OTHER) / "archive.db", 5 * 4096)
        for path in ("/client/recording.search", "/client/user/search", "/client/people/endpoint/search"):
            bearer = {"Authorization": f"Bearer {token}"}
            refused = serving.client.post(path, json={}, headers=bearer)
            assert refused.json()["code"] in ("database-damaged", "account-unavailable")
            assert serving.client.post(path, json={}).status_code == 200
        assert serving.process.poll() is None


def jobs_of(settings: Settings, client_id: int) -> set[object]:
    accounts = Accounts(settings)
    try:
        with accounts.open(client_id).read() as connection:
            return {job["state"] for job in queue.list_jobs(connection, done=True)}
    finally:
        accounts.close()
