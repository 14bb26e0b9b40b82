"""Ingest and download need the same memory for recordings of any length."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from earwitness.kernel.settings import Settings
from tests.firm import call
from tests.serving import Server, administrator, server

MIB = 1 << 20
BOUNDARY = "memory"
BLOCK = os.urandom(MIB)


def upload(third_party_id: str, mebibytes: int) -> Iterator[bytes]:
    part = f"--{BOUNDARY}\r\nContent-Disposition: form-data; name="
    metadata = json.dumps(call(thirdPartyId=third_party_id))
    yield f'{part}"metadata"\r\n\r\n{metadata}\r\n{part}"media"; filename="a"\r\n\r\n'.encode()
    for _ in range(mebibytes):
        yield BLOCK
    yield f"\r\n--{BOUNDARY}--\r\n".encode()


def send(running: Server, third_party_id: str, mebibytes: int) -> None:
    kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    response = running.client.post(
        "/ingest/recording", content=upload(third_party_id, mebibytes), headers=kind
    )
    assert response.status_code == 201, response.text


def fetch(running: Server, third_party_id: str) -> int:
    """How many MiB of the original come back, each as it was sent."""
    wanted = {"thirdPartyId": third_party_id, "format": "raw"}
    with running.client.stream("POST", "/client/recording.playBackByThirdPartyId", json=wanted) as response:
        blocks = list(map(BLOCK.__eq__, response.iter_bytes(MIB)))
    assert all(blocks)
    return len(blocks)


def most_memory_mib(running: Server) -> int:
    """The most memory that the server has held so far."""
    status = Path(f"/proc/{running.process.pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) // 1024


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_a_hundred_mebibytes_take_no_more_memory_than_one(settings: Settings) -> None:
    with server(settings, administrator(settings)) as running:
        send(running, "short", 1)
        assert fetch(running, "short") == 1
        before = most_memory_mib(running)
        send(running, "long", 100)
        assert fetch(running, "long") == 100
        assert most_memory_mib(running) - before < 32
