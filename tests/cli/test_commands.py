"""Commands say what they did, exit 0 only if they succeeded, and print only JSON with `--json`."""

import json
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner, Result

from earwitness.cli.main import app
from earwitness.kernel.settings import Settings
from earwitness.media.keys.key_ring import KEYS_FILE
from tests.cli.conftest import Run, environment_of
from tests.firm import CLIENT_ID, Firm, tone

Tell = Callable[..., Any]


def commands(command: Any, *path: str) -> Iterator[tuple[str, ...]]:
    yield path
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, *path, name)


COMMANDS = list(commands(typer.main.get_command(app)))
LEAVES = [path for path in COMMANDS if not any(other[:-1] == path for other in COMMANDS if other)]

either_database = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
"""For what does not depend on the database: once is enough."""

WITHOUT_JSON = {("demo",)}
"""Commands that still speak in words alone. The set may only shrink."""


@cache  # cached, since drawing the tables of a help text takes long
def help_of(path: tuple[str, ...]) -> Result:
    return CliRunner().invoke(app, [*path, "--help"])


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(path: tuple[str, ...]) -> None:
    result = help_of(path)
    assert result.exit_code == 0
    assert "Usage: " in result.stdout


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_command_speaks_json(path: tuple[str, ...]) -> None:
    assert ("--json" in help_of(path).stdout) is (path not in WITHOUT_JSON)


def test_accounts_are_created_once_and_listed(run: Run, tell: Tell) -> None:
    assert tell("account", "create", 7, "--name", "Firm [bold] :phone:") == {
        "clientId": 7,
        "name": "Firm [bold] :phone:",
    }
    assert [account["clientId"] for account in tell("account", "list")] == [7, CLIENT_ID]
    assert "7" in run("account", "create", 7, "--name", "Again", exit_code=1).stderr
    assert tell("account", "create", 7, "--name", "Again", exit_code=1) == {
        "error": "There is already an account 7."
    }
    shown = run("account", "list").stdout
    assert "Firm [bold] :phone:" in shown


@either_database
@pytest.mark.parametrize("client_id", [0, -1, "x", 2**53])
def test_a_client_id_is_one_that_can_sign_in(run: Run, client_id: Any) -> None:
    run("account", "create", "--name", "A firm", "--", client_id, exit_code=2)


def test_a_key_made_at_the_command_line_signs_in_while_the_server_runs(firm: Firm, tell: Tell) -> None:
    made = tell("user", "create", CLIENT_ID, "jane@example.com", "--role", "Standard User")
    assert made["rolesAndRights"] == ["Standard User"]
    body = tell("apikey", "create", CLIENT_ID, "jane@example.com")
    assert list(body) == ["clientId", "username", "apiKey"]
    response = firm.client.post("/api/authWithApiKey", json=body)
    assert response.status_code == 200, response.text
    firm.tokens["jane@example.com"] = response.json()["token"]
    assert firm.search(as_user="jane@example.com") == []


def test_rights_and_roles_add_up(firm: Firm, tell: Tell) -> None:
    rights = ["--right", "Recording.Ingest", "--right", "Recording.View"]
    made = tell("user", "create", CLIENT_ID, "recorder", *rights)
    assert made["rolesAndRights"] == ["Recording.Ingest", "Recording.View"]
    firm.keys["recorder"] = tell("apikey", "create", CLIENT_ID, "recorder")["apiKey"]
    assert firm.send({"thirdPartyId": "x"}, as_user="recorder").status_code == 400
    assert firm.call("GET", "/admin/retentionGroup", as_user="recorder").status_code == 403


@either_database
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("user", "create", CLIENT_ID, "jane", "--role", "Admn"), "did you mean Admin?"),
        (("user", "create", CLIENT_ID, "jane", "--right", "Recording.Veiw"), "Recording.View"),
        (("user", "create", 999, "jane"), "999"),
        (("apikey", "create", CLIENT_ID, "nobody"), "nobody"),
        (("jobs", "list", 999), "999"),
        (("jobs", "retry", CLIENT_ID, 7), "7"),
        (("jobs", "drop", CLIENT_ID, 7), "7"),
        (("verify", 999), "999"),
    ],
)
def test_a_command_that_fails_says_why_and_exits_1(
    run: Run, tell: Tell, arguments: tuple[object, ...], says: str
) -> None:
    result = run(*arguments, exit_code=1)
    assert says in result.stderr
    assert result.stdout == ""
    assert says in tell(*arguments, exit_code=1)["error"]


def test_the_ledger_names_the_operator(firm: Firm, run: Run) -> None:
    run("user", "create", CLIENT_ID, "jane")
    run("apikey", "create", CLIENT_ID, "jane")
    with firm.archive.read() as connection:
        rows = connection.exec_driver_sql(
            "SELECT route, username FROM audit_headers ORDER BY id"
            if connection.dialect.name == "sqlite"
            else f"SELECT route, username FROM account_{CLIENT_ID}.audit_headers ORDER BY id"
        ).all()
    assert [row[0] for row in rows[1:]] == ["earwitness user create", "earwitness apikey create"]
    assert all(row[1].startswith("operator:") for row in rows[1:])


def test_databases_are_upgraded_and_named(run: Run, tell: Tell) -> None:
    (account,) = tell("db", "upgrade")
    assert account["clientId"] == CLIENT_ID
    assert account["revision"] in run("db", "upgrade").stdout


def test_jobs_are_listed_with_the_reason_they_failed_for_retried_and_dropped(
    firm: Firm, run: Run, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "No job" in run("jobs", "list", CLIENT_ID).stdout
    for number in range(2):
        firm.ingest(tone(0.1), thirdPartyId=f"call:phone:{number}")
    monkeypatch.setattr("earwitness.archive.jobs.queue.MOST_ATTEMPTS", 1)
    with monkeypatch.context() as broken:
        broken.setattr("earwitness.workers.job_runner.run_steps", _fail)
        firm.work()
    first, second = tell("jobs", "list", CLIENT_ID)
    assert (first["state"], first["thirdPartyId"]) == ("dead", "call:phone:0")
    assert first["log"][-1]["text"] == "RuntimeError"
    assert "RuntimeError" in run("jobs", "list", CLIENT_ID).stdout
    assert tell("jobs", "retry", CLIENT_ID, first["id"]) == {"queued": 1}
    assert tell("jobs", "drop", CLIENT_ID, second["id"]) == {"dropped": second["id"]}
    firm.work()
    assert tell("jobs", "list", CLIENT_ID) == []
    (done,) = tell("jobs", "list", CLIENT_ID, "--done")
    assert (done["id"], done["state"]) == (first["id"], "done")
    assert tell("jobs", "retry", CLIENT_ID) == {"queued": 0}
    assert _told_of(firm, first["interactionId"]) == [("earwitness jobs retry", {"jobId": first["id"]})]
    assert _told_of(firm, second["interactionId"]) == [("earwitness jobs drop", {"jobId": second["id"]})]


def test_the_ledger_has_every_recording_whose_job_was_retried(
    firm: Firm, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [firm.ingest(tone(0.1), thirdPartyId=f"call-{number}") for number in range(3)]
    monkeypatch.setattr("earwitness.archive.jobs.queue.MOST_ATTEMPTS", 1)
    monkeypatch.setattr("earwitness.workers.job_runner.run_steps", _fail)
    firm.work()
    run("jobs", "retry", CLIENT_ID)
    assert [len(_told_of(firm, one)) for one in ids] == [1, 1, 1]


def _told_of(firm: Firm, interaction_id: int) -> list[tuple[str, Any]]:
    """The rows of a recording's audit log that are about commands."""
    log = firm.post("/client/recording/audit", {"recordingId": interaction_id})
    return [(row["route"], row["metadata"]) for row in log if row["method"] == "CLI"]


def _fail(*_: Any) -> None:
    raise RuntimeError("what was said in the recording")


@either_database
@pytest.mark.parametrize("command", [("serve",), ("worker",), ("verify", CLIENT_ID)], ids=lambda c: str(c[0]))
def test_without_its_keys_nothing_starts_and_no_new_ones_are_made(
    run: Run, settings: Settings, command: tuple[object, ...]
) -> None:
    (settings.keys_folder / KEYS_FILE).unlink()
    assert str(settings.keys_folder) in run(*command, exit_code=1).stderr
    assert not (settings.keys_folder / KEYS_FILE).exists()


@either_database
@pytest.mark.parametrize("command", [("serve",), ("worker",), ("account", "list")], ids=" ".join)
def test_a_setting_that_cannot_be_used_is_named(settings: Settings, command: tuple[str, ...]) -> None:
    wrong = environment_of(settings) | {"EARWITNESS_TOKEN_MINUTES": "soon"}
    result = CliRunner().invoke(app, command, env=wrong)
    assert result.exit_code == 1
    assert "EARWITNESS_TOKEN_MINUTES" in result.stderr


@either_database
def test_a_database_that_does_not_answer_is_reported_in_one_line(settings: Settings) -> None:
    away = {"EARWITNESS_DATABASE_URL": "postgresql://jane:secret@127.0.0.1:1/earwitness"}
    result = CliRunner().invoke(app, ["account", "list"], env=environment_of(settings) | away)
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert "database" in result.stderr
    assert "secret" not in result.stderr


@either_database
def test_a_folder_that_cannot_be_used_is_reported_in_one_line(settings: Settings) -> None:
    (settings.data / "file").touch()
    wrong = environment_of(settings) | {"EARWITNESS_DATA": str(settings.data / "file")}
    result = CliRunner().invoke(app, ["account", "list", "--json"], env=wrong)
    assert result.exit_code == 1
    assert set(json.loads(result.stdout)) == {"error"}
