"""The archive that is measured: recordings to search, and a large one to play."""

import json
import os
from pathlib import Path
from typing import Any

from bench.loading import load
from bench.media.servers import Caller, Server
from earwitness.archive.access.users import add_api_key, add_user
from earwitness.archive.accounts.accounts import Accounts
from earwitness.archive.ledger.ledger import Action
from earwitness.ingest.incoming_recording import receive
from earwitness.kernel.rights import Role
from earwitness.kernel.settings import Settings

CLIENT_ID = 1
LARGE = "large"
"""The thirdPartyId of the large recording."""

_BLOCK = 1 << 20


def metadata(third_party_id: str) -> bytes:
    """The metadata of a call with media."""
    endpoint = {"type": "phone", "endpoint": "447896423595", "isRecordingSubject": True, "isOriginator": True}
    told = {
        "thirdPartyId": third_party_id,
        "type": "phone",
        "startDatetimeUTC": "2026-05-12T10:30:00Z",
        "endpoints": [endpoint],
    }
    return json.dumps(told).encode()


def write_noise(file: Path, size: int) -> None:
    """Write a file of random bytes, which cannot be compressed."""
    block = os.urandom(_BLOCK)
    with file.open("wb") as output:
        for number in range(0, size, _BLOCK):
            output.write((number.to_bytes(8, "big") + block[8:])[: size - number])


def fill(settings: Settings, recordings: int, large: Path) -> tuple[dict[str, Any], int]:
    """Make the archive. Returns the body of its administrator's sign-in, and the large recording's id."""
    accounts = Accounts(settings)
    accounts.create(CLIENT_ID, "Benchmark")
    archive = accounts.open(CLIENT_ID)
    load(archive, recordings)
    with archive.write() as connection:
        _, api_key = add_api_key(connection, add_user(connection, "bench", [Role.ADMIN]))
    by = Action("CLI", "bench", "Benchmark", "bench", "")
    with receive(archive) as reception, large.open("rb") as file:
        while block := file.read(_BLOCK):
            reception.write(block)
        interaction_id = reception.accept(metadata(LARGE), by).interaction_id
    accounts.close()
    return {"clientId": CLIENT_ID, "username": "bench", "apiKey": api_key}, interaction_id


def signed_in(server: Server, credentials: dict[str, Any]) -> Server:
    """The same server, with a token that callers send."""
    answer = json.loads(Caller(server).post("/api/authWithApiKey", json.dumps(credentials).encode()))
    return Server(server.port, server.pid, {"Authorization": f"Bearer {answer['token']}"})
