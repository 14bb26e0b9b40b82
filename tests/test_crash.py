"""After `kill -9` everything acknowledged is there, and nothing half-done is visible."""

import json
import os
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from earwitness.archive.accounts.accounts import Accounts
from earwitness.archive.schema.recordings import recordings
from earwitness.kernel.settings import Settings
from tests.cli.running import run_json, running
from tests.firm import CLIENT_ID, call, tone
from tests.serving import Server, administrator, server
from tests.waiting import until

BOUNDARY = "crash"
SENDERS = 3


def test_a_server_killed_while_recordings_come_in(settings: Settings) -> None:
    credentials = administrator(settings)
    working = replace(settings, jobs=True)
    acknowledged: set[str] = set()
    with ThreadPoolExecutor(SENDERS) as senders, server(working, credentials) as running:
        half = half_an_upload(running)
        sending = [senders.submit(_send_on, running, sender, acknowledged) for sender in range(SENDERS)]
        until(lambda: len(acknowledged) >= 5 and list(_incoming(settings)), "some are acknowledged")
        os.killpg(running.process.pid, signal.SIGKILL)
        for sender in sending:
            sender.result()
    half.close()
    with server(working, credentials) as running:
        found = set(_found(running.client))
        assert acknowledged <= found
        assert len(found) <= len(acknowledged) + SENDERS
        assert found == set(_found(running.client, freeText="call*"))
        for third_party_id in found:
            assert _raw(running.client, third_party_id) == _media(third_party_id)
        until(lambda: run_json(settings, "jobs", "list", CLIENT_ID) == [], "all jobs are done", seconds=60)
        done = run_json(settings, "jobs", "list", CLIENT_ID, "--done")
        assert sorted(job["thirdPartyId"] for job in done) == sorted(found)
        assert list(_incoming(settings)) == []
        verified = run_json(settings, "verify", CLIENT_ID)
        assert (verified["verified"], verified["orphaned"]) == (2 * len(found), [])


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)  # it is the manifest that matters here
def test_a_killed_import_can_be_run_again(settings: Settings, tmp_path: Path) -> None:
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
    assert (verified["verified"], verified["damaged"], verified["orphaned"]) == (60, [], [])
    assert list(_incoming(settings)) == []


def _send_on(running: Server, sender: int, acknowledged: set[str]) -> None:
    """Send recordings one after the other until nobody answers."""
    for number in range(1000):
        third_party_id = f"call-{sender}-{number}"
        metadata = json.dumps(call(thirdPartyId=third_party_id))
        parts: dict[str, Any] = {"metadata": (None, metadata), "media": ("a.wav", _media(third_party_id))}
        try:
            response = running.client.post("/ingest/recording", files=parts)
        except httpx2.TransportError:
            return
        assert response.status_code == 201, response.text
        acknowledged.add(third_party_id)


def _media(third_party_id: str) -> bytes:
    """A different tone for each recording."""
    return tone(0.5, hertz=300 + hash(third_party_id) % 1000)


def half_an_upload(running: Server) -> socket.socket:
    """Begin an upload of 64 MiB, and send a quarter of it."""
    begin = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n'
        f"{json.dumps(call(thirdPartyId='half'))}\r\n"
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="media"; filename="a"\r\n\r\n'
    ).encode()
    head = (
        f"POST /api/ingest/recording HTTP/1.1\r\nHost: localhost\r\nContent-Length: {64 << 20}\r\n"
        f"Authorization: {running.client.headers['Authorization']}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n"
    ).encode()
    connection = socket.create_connection(("127.0.0.1", running.port))
    connection.sendall(head + begin + bytes(16 << 20))
    return connection


def _found(client: httpx2.Client, **wanted: Any) -> list[str]:
    page = client.post("/client/recording.search", json={"pageSize": 1000} | wanted).json()
    return [recording["thirdPartyId"] for recording in page["recordings"]]


def _raw(client: httpx2.Client, third_party_id: str) -> bytes:
    wanted = {"thirdPartyId": third_party_id, "format": "raw"}
    return client.post("/client/recording.playBackByThirdPartyId", json=wanted).content


def _incoming(settings: Settings) -> Iterator[Path]:
    folder = settings.data / "accounts" / str(CLIENT_ID) / "media" / "incoming"
    return folder.iterdir() if folder.is_dir() else iter(())


def _third_party_ids(settings: Settings) -> set[str]:
    accounts = Accounts(settings)
    with accounts.open(CLIENT_ID).read() as connection:
        found = set(connection.scalars(select(recordings.c.third_party_id)))
    accounts.close()
    return found
