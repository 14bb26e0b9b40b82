"""Runs the examples of the API's documentation on the demo archive, and checks every row of every answer."""

import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from docs import examples
from docs.shapes import differences

from earwitness.app import build
from earwitness.archive.access.users import add_api_key, user_id_of
from earwitness.archive.accounts.accounts import Accounts
from earwitness.cli.demo.filling import add_yesterday, fill
from earwitness.kernel.settings import Settings
from earwitness.workers.loop import JobLoop
from tests.firm import CLIENT_ID, Firm
from tests.seeds import FULL_EXAMPLES

ALICE = "alice@example.com"


def fill_demo(settings: Settings, *, work: bool) -> str:
    """Make the demo archive in an empty account. Returns an API key of its administrator.

    Without `work`, its media is neither measured nor rendered yet, as on a server that was just filled.
    """
    accounts = Accounts(settings)
    archive = accounts.open(CLIENT_ID)
    fill(archive)
    add_yesterday(archive, datetime.now(UTC).date() - timedelta(days=1))
    if work:
        JobLoop(accounts, settings).run_until_idle()
    with archive.write() as connection:
        _, api_key = add_api_key(connection, user_id_of(connection, ALICE))
    accounts.close()
    return api_key


@contextmanager
def served(settings: Settings) -> Iterator[str]:
    """Serve on a free port of this machine, and yield the base URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(build(settings), log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/api"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed: the examples are curl lines")
def test_the_documentations_curl_lines_answer_as_documented_on_the_demo_archive(
    fresh_sqlite: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(fresh_sqlite.data, tmp_path / "data")
    shutil.copytree(fresh_sqlite.keys_folder, tmp_path / "keys")
    settings = replace(fresh_sqlite, data=tmp_path / "data", keys=tmp_path / "keys")
    api_key = fill_demo(settings, work=True)
    with served(settings) as base_url:
        code = examples.main(["--base-url", base_url, "--username", ALICE, f"--api-key={api_key}"])
    shown = capsys.readouterr().out
    assert code == 0, shown
    assert api_key not in shown


def test_every_row_on_the_demo_archive_has_the_documented_shape(settings: Settings) -> None:
    api_key = fill_demo(settings, work=False)
    with Firm(settings) as demo:
        demo.keys[ALICE] = api_key
        answers = {call: (body, answer) for call, body, answer in _answers(demo)}
    assert set(FULL_EXAMPLES) - answers.keys() == {"POST /authWithApiKey"}
    for call, (_, answer) in answers.items():
        assert answer, f"{call} answers nothing on the demo archive"
        assert (call, differences(FULL_EXAMPLES[call], answer)) == (call, [])


def _answers(demo: Firm) -> Iterator[tuple[str, Any, Any]]:
    """The answers of each documented call, with all that the archive has."""

    def post(path: str, body: Any) -> Any:
        return demo.post(path, body, as_user=ALICE)

    found = post("/client/recording.search", {"pageSize": 1000})
    people = post("/client/people.search", {"pageSize": 1000})
    endpoints = post("/client/people/endpoint/search", {"pageSize": 1000})
    ids = {"interactionIds": [one["interactionId"] for one in found["recordings"]]}
    values = [{"type": one["type"], "endpoint": one["endpoint"]} for one in endpoints]
    of_recording = {"recordingId": 9876543}
    bodies: dict[str, Any] = {
        "/client/recording.detail.get": ids,
        "/client/recording.transcription.get": ids,
        "/client/recording.sms-message.get": ids,
        "/client/recording/audit": of_recording,
        "/client/people.searchByName": {"prefix": "", "personType": "staff"},
        "/client/people.get": [one["id"] for one in people["persons"]],
        "/client/people/endpoint/get": values,
        "/client/user/search": {},
    }
    yield "POST /client/recording.search", {}, found
    yield "POST /client/people.search", {}, people
    yield "POST /client/people/endpoint/search", {}, endpoints
    for path, body in bodies.items():
        yield f"POST {path}", body, post(path, body)
    yield "GET /admin/retentionGroup", None, demo.get("/admin/retentionGroup", as_user=ALICE)
    yield (
        "GET /client/recording/comment",
        of_recording,
        demo.get("/client/recording/comment", as_user=ALICE, **of_recording),
    )


def test_sign_in_answers_as_documented_in_both_spellings(firm: Firm) -> None:
    body = {"clientId": CLIENT_ID, "username": "admin@example.com", "apiKey": firm.keys["admin@example.com"]}
    for path in ("/api/authWithApiKey", "/api/authWithAPIKey"):
        answer = firm.client.post(path, json=body).json()
        assert differences(FULL_EXAMPLES["POST /authWithApiKey"], answer) == []


EXAMPLE = [
    {"id": 1, "name": "Jane", "email": None, "share": 0.5, "tag": {"id": 3}},
    {"id": 2, "name": "", "email": "jane@example.com", "share": 0.25},
]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"tag": {"id": 9}}, []),
        ({"email": None, "share": 1}, []),
        ({"name": None}, ["[0].name: null instead of string"]),
        ({"id": "1"}, ["[0].id: string instead of integer"]),
        ({"id": True}, ["[0].id: boolean instead of integer"]),
        ({"id": 1.5}, ["[0].id: number instead of integer"]),
        ({"tag": None}, ["[0].tag: null instead of object"]),
        ({"tag": {}}, ["[0].tag.id: missing"]),
        ({"more": 1}, ["[0].more: not in the example"]),
    ],
)
def test_differences_of_shape_are_named(change: dict[str, Any], expected: list[str]) -> None:
    row = {"id": 7, "name": "Joe", "email": "joe@example.com", "share": 0.1}
    assert differences(EXAMPLE, [row | change]) == expected
    without = {key: value for key, value in (row | change).items() if key != "name"}
    assert "[0].name: missing" in differences(EXAMPLE, [without])


def test_every_row_is_looked_at() -> None:
    good = {"id": 7, "name": "Joe", "email": "joe@example.com", "share": 0.1}
    assert differences(EXAMPLE, [good, good | {"id": None}]) == ["[1].id: null instead of integer"]
    assert differences(EXAMPLE, {"rows": [good]}) == ["answer: object instead of array"]
