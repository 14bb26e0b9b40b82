"""kill -9 in the middle: what was acknowledged is there, and nothing half-done is to be seen."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from earwitness.archive.accounts import Accounts
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.users import add_api_key, add_user
from earwitness.kernel.rights import Role
from earwitness.kernel.settings import Settings
from tests.cli.running import run_json, running
from tests.firm import ADMIN, CLIENT_ID, call, tone
from tests.waiting import until

BOUNDARY = "crash"


@pytest.fixture
def credentials(settings: Settings) -> dict[str, Any]:
    accounts = Accounts(settings)
    with accounts.open(CLIENT_ID).write() as connection:
        _, api_key = add_api_key(connection, add_user(connection, ADMIN, [Role.ADMIN]))
    accounts.close()
    return {"clientId": CLIENT_ID, "username": ADMIN, "apiKey": api_key}


@contextmanager
def server(settings: Settings, credentials: dict[str, Any]) -> Iterator[httpx.Client]:
    """A server in a process of its own, killed at the end with everything it started."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with running(replace(settings, jobs=True), "serve", "--port", port), httpx.Client(timeout=60) as client:
        client.base_url = httpx.URL(f"http://127.0.0.1:{port}")
        until(lambda: _is_ready(client), "the server is ready", seconds=60)
        token = client.post("/api/authWithApiKey", json=credentials).json()["token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def _is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def test_a_server_killed_in_the_middle_of_an_upload(settings: Settings, credentials: dict[str, Any]) -> None:
    media = tone(3)
    with server(settings, credentials) as client:
        sent: Any = {"metadata": (None, json.dumps(call(thirdPartyId="whole"))), "media": ("a.wav", media)}
        assert client.post("/api/ingest/recording", files=sent).status_code == 201
        half = _half_an_upload(client)
        until(lambda: list(_incoming(settings)), "the upload has begun to be written")
    half.close()
    with server(settings, credentials) as client:
        found = client.post("/api/client/recording.search", json={}).json()
        assert [one["thirdPartyId"] for one in found["recordings"]] == ["whole"]
        wanted = {"thirdPartyId": "whole", "format": "raw"}
        assert client.post("/api/client/recording.playBackByThirdPartyId", json=wanted).content == media
        until(lambda: _all_done(settings), "the job of the killed server is done", seconds=60)
        assert list(_incoming(settings)) == []
        assert run_json(settings, "verify", CLIENT_ID)["orphaned"] == []


def test_an_import_killed_in_the_middle_is_simply_run_again(
    settings: Settings, credentials: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "call.wav").write_bytes(tone(2))
    lines = [json.dumps(call(thirdPartyId=f"call-{n}", mediaPath="call.wav")) for n in range(60)]
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_text("\n".join(lines))
    with running(settings, "import", CLIENT_ID, manifest):
        until(lambda: len(_third_party_ids(settings)) >= 5, "some recordings are in")
    before = _third_party_ids(settings)
    summary = run_json(settings, "import", CLIENT_ID, manifest)
    assert summary == {"imported": 60 - len(before), "alreadyThere": len(before), "failed": []}
    assert _third_party_ids(settings) == {f"call-{n}" for n in range(60)}
    verified = run_json(settings, "verify", CLIENT_ID)
    assert (verified["damaged"], verified["orphaned"]) == ([], [])
    assert list(_incoming(settings)) == []


def _half_an_upload(client: httpx.Client) -> socket.socket:
    """Begin an upload of 64 MiB, and send a quarter of it."""
    begin = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n'
        f"{json.dumps(call(thirdPartyId='half'))}\r\n"
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="media"; filename="a"\r\n\r\n'
    ).encode()
    head = (
        f"POST /api/ingest/recording HTTP/1.1\r\nHost: here\r\nContent-Length: {64 << 20}\r\n"
        f"Authorization: {client.headers['Authorization']}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n"
    ).encode()
    connection = socket.create_connection(("127.0.0.1", client.base_url.port))
    connection.sendall(head + begin + bytes(16 << 20))
    return connection


def _incoming(settings: Settings) -> Iterator[Path]:
    folder = settings.data / "accounts" / str(CLIENT_ID) / "media" / "incoming"
    return folder.iterdir() if folder.is_dir() else iter(())


def _third_party_ids(settings: Settings) -> set[str]:
    accounts = Accounts(settings)
    with accounts.open(CLIENT_ID).read() as connection:
        found = set(connection.scalars(select(recordings.c.third_party_id)))
    accounts.close()
    return found


def _all_done(settings: Settings) -> bool:
    return bool(run_json(settings, "jobs", "list", CLIENT_ID) == [])
