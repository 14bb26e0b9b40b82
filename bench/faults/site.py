"""An installation on several machines: PostgreSQL, an S3 server, servers, a worker, and nginx in front."""

import base64
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import obstore
import psycopg
from obstore.store import S3Store

from bench.faults.mounts import Disk
from bench.faults.network import Network
from bench.faults.part import Part
from bench.faults.postgres import Cluster
from bench.faults.proxy import HOST_NAME, nginx, write_nginx
from earwitness.archive.access.users import add_api_key, add_user
from earwitness.archive.accounts.accounts import Accounts
from earwitness.archive.accounts.settings import AccountChange, change_account
from earwitness.kernel.rights import Role
from earwitness.kernel.settings import Settings

SERVERS = ("server-1", "server-2", "server-3")
MAIN, OTHER = 1234567, 1111111
"""The account that is measured, and another one, which comes before it in the order of accounts."""
REQUEST_SECONDS = 10

_EARWITNESS = (sys.executable, "-m", "earwitness")
_READY_SECONDS = 90
_BUCKET = "archive"
_DATABASES = ("postgres", "standby")


class Site:
    """A running installation: its parts by name, and the URLs that clients call (`targets`)."""

    def __init__(self, folder: Path, network: Network, leaving: ExitStack) -> None:
        self.folder = folder
        self.network = network
        self.parts: dict[str, Part] = {}
        self.behaviour = folder / "objects.json"
        self._leaving = leaving
        self.environment = os.environ | {
            "EARWITNESS_DATA": str(self.data("clients")),
            "EARWITNESS_DATABASE_URL": self._database_url(),
            "EARWITNESS_MEDIA_URL": f"s3://{_BUCKET}/faults",
            "EARWITNESS_KEY_ENCRYPTION_KEY": key_setting(1),
            "EARWITNESS_TOKEN_KEY": "the same secret on every machine, and long",
            "EARWITNESS_LEDGER_KEY": base64.b64encode(b"l" * 32).decode(),
            "EARWITNESS_REQUEST_SECONDS": str(REQUEST_SECONDS),
            "EARWITNESS_TRUSTED_PROXIES": network.host("proxy"),
            "EARWITNESS_PUBLIC_URL": f"https://{HOST_NAME}",
            "EARWITNESS_MIN_FREE_MIB": "1",
            "EARWITNESS_LOG_LEVEL": "WARNING",
            "AWS_ENDPOINT_URL": f"http://{self._address('objects')}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "faults",
            "AWS_SECRET_ACCESS_KEY": "faults",
        }
        self.url = f"http://{self._address('server-1')}"
        self.targets = {name: f"http://{self._address(name)}" for name in SERVERS}

    def start(self) -> dict[int, dict[str, Any]]:
        """Start everything. Returns the body of the sign-in for each account."""
        os.environ.update(self.environment)  # this process opens the archive and its bucket, too
        self._start_postgres()
        self._start_objects()
        credentials = self._make_accounts()
        if self.network.is_apart:
            disk = Disk(self.data(SERVERS[-1]))
            disk.mount()
            self._leaving.callback(disk.unmount)
        for name in SERVERS:
            words = (
                "serve",
                "--host",
                self.network.host(name),
                "--port",
                self.network.port(name),
                "--no-jobs",
            )
            self._earwitness(name, *words)
        self._earwitness("worker", "worker")
        if nginx():
            config = write_nginx(
                self.folder, self._address("proxy"), [self._address(name) for name in SERVERS]
            )
            self._add("proxy", [nginx(), "-c", config, "-p", self.folder, "-g", "daemon off;"])
            self.targets["nginx"] = f"https://{self._address('proxy')}"
        for name in self.targets:
            self.until_ready(name)
        return credentials

    def start_what_ended(self) -> None:
        """Start servers and the worker again if they have ended, as a supervisor does."""
        for name in (*SERVERS, "worker"):
            if not self.parts[name].is_running:
                self.parts[name].start()

    def data(self, part: str) -> Path:
        """The data folder of a part: each machine has its own."""
        return self.folder / f"data-{part}"

    def until_ready(self, target: str) -> None:
        def is_ready() -> bool:
            with suppress(httpx2.TransportError):
                answer = httpx2.get(
                    f"{self.targets[target]}/readyz", headers={"Host": HOST_NAME}, timeout=5, verify=False
                )
                return answer.is_success
            return False

        until(is_ready, f"{target} is ready")

    def database(self) -> psycopg.Connection[Any]:
        """A connection to the database with short time limits."""
        return psycopg.connect(
            self.environment["EARWITNESS_DATABASE_URL"],
            autocommit=True,
            connect_timeout=3,
            options="-c statement_timeout=5000",
            tcp_user_timeout=4000,
        )

    def command(self, *words: object) -> Any:
        """Run a command with `--json`, and return what it printed, whatever its exit code."""
        done = subprocess.run(
            [*_EARWITNESS, *map(str, words), "--json"], env=self.environment, capture_output=True, check=False
        )
        try:
            return json.loads(done.stdout)
        except json.JSONDecodeError:
            said = (done.stderr or done.stdout).decode().strip()
            raise RuntimeError(f"earwitness {' '.join(map(str, words))}: {said}") from None

    def _database_url(self) -> str:
        """The URL of both database servers. Clients use the one that takes writes."""
        hosts = ",".join(self._address(part) for part in _DATABASES)
        return f"postgresql://postgres@{hosts}/postgres?target_session_attrs=read-write"

    def _listens(self, part: str) -> tuple[str, int]:
        return self.network.host(part), self.network.port(part)

    def _address(self, part: str) -> str:
        return f"{self.network.host(part)}:{self.network.port(part)}"

    def _add(self, name: str, words: Sequence[object], **settings: str) -> None:
        part = Part(
            name,
            [*self.network.within(name), *words],
            self.environment | settings,
            self.folder / f"{name}.log",
        )
        self.parts[name] = part
        self._leaving.callback(part.kill)
        part.start()

    def _earwitness(self, name: str, *words: object) -> None:
        self._add(name, [*_EARWITNESS, *words], EARWITNESS_DATA=str(self.data(name)))

    def _start_postgres(self) -> None:
        self._cluster = Cluster.make(self.folder / "postgres")
        self._add("postgres", self._cluster.foreground_command(*self._listens("postgres")))
        until(self.database_answers, "PostgreSQL answers")

    def start_standby(self) -> None:
        """Start a standby of PostgreSQL. From then on every commit waits for it."""
        if "standby" in self.parts:
            return
        place = self.folder / "standby"
        standby = self._cluster.make_standby(place, self._address("postgres"), self.network.within("standby"))
        self._add("standby", standby.foreground_command(*self._listens("standby")))
        with self.database() as database:
            database.execute(b"ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (*)'")
            database.execute(b"SELECT pg_reload_conf()")
            in_step = b"SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'quorum'"
            until(lambda: database.execute(in_step).fetchall() == [(1,)], "the standby is in step")

    def promote_standby(self) -> None:
        """Make the standby the primary. Raises TimeoutError."""

        def is_promoted() -> bool:
            at = f"postgresql://postgres@{self._address('standby')}/postgres"
            with psycopg.connect(at, autocommit=True) as database:
                return database.execute(b"SELECT pg_promote(true, 10)").fetchall() == [(True,)]

        until(is_promoted, "the standby is promoted")

    def database_answers(self) -> bool:
        with suppress(psycopg.Error), self.database():
            return True
        return False

    def _start_objects(self) -> None:
        host, port = self.network.host("objects"), self.network.port("objects")
        self._add("objects", [sys.executable, "-m", "bench.faults.object_store", host, port, self.behaviour])
        for bucket in (_BUCKET, f"{_BUCKET}-2"):
            store = S3Store(
                bucket,
                endpoint=f"http://{self._address('objects')}",
                region="us-east-1",
                access_key_id="faults",
                secret_access_key="faults",
                client_options={"allow_http": True},
            )
            signed = obstore.sign(store, "PUT", "", timedelta(minutes=5))
            until(lambda signed=signed: _make_bucket(signed), "the S3 server answers")  # type: ignore[misc]

    def _make_accounts(self) -> dict[int, dict[str, Any]]:
        """Make the accounts, each with an administrator. Returns the body of their sign-ins."""
        username = "faults@example.com"
        credentials: dict[int, dict[str, Any]] = {}
        accounts = Accounts(Settings.from_environment(self.environment))
        for client_id in (MAIN, OTHER):
            accounts.create(client_id, f"Firm {client_id}")
            with accounts.open(client_id).write() as connection:
                _, api_key = add_api_key(connection, add_user(connection, username, [Role.ADMIN]))
                change_account(connection, accounts, AccountChange(transcription="pocketsphinx"))
            credentials[client_id] = {"clientId": client_id, "username": username, "apiKey": api_key}
        accounts.close()
        return credentials

    def stop(self) -> None:
        """End all parts. PostgreSQL is asked to end, the others are killed."""
        for part in reversed(self.parts.values()):
            part.end(signal.SIGINT) if part.name in _DATABASES else part.kill()


def key_setting(number: int) -> str:
    """The setting of a key-encryption key. All such keys have the same id."""
    return f"k1:{base64.b64encode(bytes([number]) * 32).decode()}"


def until(is_so: Callable[[], bool], what: str, seconds: float = _READY_SECONDS) -> None:
    """Wait until `is_so` returns True. Raises TimeoutError, which names `what`."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not so after {seconds:g} s: {what}")
        time.sleep(0.05)


def _make_bucket(url: str) -> bool:
    with suppress(OSError):
        urllib.request.urlopen(urllib.request.Request(url, method="PUT"), timeout=5).close()
        return True
    return False
