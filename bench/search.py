"""Searches over HTTP, compared with their floor: the same SQL on the bare driver, and encoding the answer.

    python -m bench.search --recordings 1000000 --archive FOLDER [--database-url URL] [--report FILE]

Server and floor are measured in turns, in one run, so that other work on the machine slows down both. Their
processor time is measured as well: on a busy machine compare that. The program exits 1 if a figure misses its
aim. `bench.by_hand` compares the floor with statements by hand.
"""

import argparse
import http.client
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import text

from bench.aims import Aims, end
from bench.calls.measuring import often_enough, spent
from bench.calls.processor import used_by_tree, used_here
from bench.clients import PORT, SEARCH, Client, beside_broad, many_at_once, milliseconds_of, post
from bench.loading import load
from bench.queries import MIXED_TWELVE, queries_of
from bench.statements import ask_again, open_separate_connection, statements_of
from earwitness.api.recordings.search_rows import recordings_at
from earwitness.archive.access.users import add_api_key, add_user
from earwitness.archive.access.viewer import Viewer
from earwitness.archive.accounts.accounts import Accounts, Archive
from earwitness.archive.database.timeline import newest_committed_id
from earwitness.archive.search.filters import RecordingSearch
from earwitness.archive.search.search import search
from earwitness.kernel.rights import Right, Role
from earwitness.kernel.settings import Settings
from earwitness.kernel.wire import convert

AIMS = Aims(
    of_each=2.5,
    others={"rare word": 2, "medium word": 2, "common word": 2, "busy endpoint": 2, "reading on": 1.5},
)
"""Of the time through HTTP to that of the same statements; and of a page far back to the first one."""

CLIENT_ID = 1
NEIGHBOURS = (2, 3)
"""Small accounts, each of a hundredth of the size. In the load test each has one of the clients."""

VIEWER = Viewer(CLIENT_ID, 1, "bench", "bench", None, frozenset(Right), (), "")


def main() -> None:
    arguments = _arguments()
    settings = Settings(
        data=arguments.archive / "data", keys=arguments.archive / "keys", database_url=arguments.database_url
    )
    accounts = Accounts(settings)
    archive = _filled(accounts, CLIENT_ID, arguments.recordings)
    neighbours = [_filled(accounts, one, arguments.recordings // 100) for one in NEIGHBOURS]
    credentials = [_credentials(one) for one in (archive, *neighbours)]
    report: dict[str, Any] = {"recordings": arguments.recordings, "machine": _machine(), "queries": {}}
    with _server(settings, arguments.workers) as server_pid:
        used = Used(server_pid, _postgres_pid(archive))
        token, *others = (post("/api/authWithApiKey", one)["token"] for one in credentials)
        for name, filters in queries_of(arguments.recordings).items():
            report["queries"][name] = _measure(archive, token, name, filters, arguments.rounds, used)
        report["reading on"] = _reading_on(token, arguments.recordings // 330, arguments.rounds)
        tokens = [token] * (arguments.clients - len(others)) + others
        report["load"] = many_at_once(tokens, arguments.seconds)
        report["load of twelve"] = many_at_once(tokens, arguments.seconds, MIXED_TWELVE, page_size=100)
        report["beside broad"] = beside_broad(
            token, (0, 1, 4, 16, 48), arguments.seconds, arguments.recordings
        )
    for part in ("reading on", "load", "load of twelve", "beside broad"):
        print(f"{part} {report[part]}")
    if arguments.report:
        arguments.report.parent.mkdir(parents=True, exist_ok=True)
        arguments.report.write_text(json.dumps(report, indent=2))
    figures = report["queries"] | {"reading on": report["reading on"]}
    end(AIMS.missed({name: figure["ratio"] for name, figure in figures.items()}))


def _filled(accounts: Accounts, client_id: int, recordings: int) -> Archive:
    """An account with so many recordings. Ends the program if it has a different number."""
    if client_id not in {account.client_id for account in accounts.all()}:
        accounts.create(client_id, f"Benchmark {client_id}")
        seconds = load(accounts.open(client_id), recordings)
        print(f"account {client_id}: loaded {recordings:,} recordings in {seconds:.0f} s")
    archive = accounts.open(client_id)
    with archive.read() as connection:
        there_are = newest_committed_id(connection)
    if there_are != recordings:
        sys.exit(
            f"Account {client_id} has {there_are:,} recordings, not {recordings:,}: use another --archive."
        )
    return archive


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--recordings", type=int, default=100_000)
    parser.add_argument("--archive", type=Path, required=True, help="kept, and used again")
    parser.add_argument("--database-url", default="")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--clients", type=int, default=8, help="more than there are neighbours")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--report", type=Path)
    return parser.parse_args()


def _machine() -> str:
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"


def _credentials(archive: Archive) -> dict[str, Any]:
    username = f"bench-{time.time_ns()}"
    with archive.write() as connection:
        _, api_key = add_api_key(connection, add_user(connection, username, [Role.ADMIN]))
    return {"clientId": archive.client_id, "username": username, "apiKey": api_key}


@dataclass(frozen=True, slots=True)
class Used:
    """Processor seconds, with those of PostgreSQL if that is the database and runs on this machine."""

    server_pid: int
    postgres_pid: int | None

    def by_server(self) -> float:
        return used_by_tree(self.server_pid) + self._by_postgres()

    def here(self) -> float:
        return used_here() + self._by_postgres()

    def _by_postgres(self) -> float:
        return used_by_tree(self.postgres_pid) if self.postgres_pid else 0


def _postgres_pid(archive: Archive) -> int | None:
    """The process of PostgreSQL that has started all others."""
    if archive.engine.dialect.name == "sqlite":
        return None
    with archive.read() as connection:
        own = connection.scalar(text("SELECT pg_backend_pid()"))
    stat = Path(f"/proc/{own}/stat")
    return int(stat.read_text().rpartition(")")[2].split()[1]) if stat.exists() else None


@contextmanager
def _server(settings: Settings, workers: int) -> Iterator[int]:
    environment = os.environ | {
        "EARWITNESS_DATA": str(settings.data),
        "EARWITNESS_KEYS": str(settings.keys_folder),
        "EARWITNESS_LOG_LEVEL": "WARNING",
    }
    if settings.database_url:
        environment["EARWITNESS_DATABASE_URL"] = settings.database_url
    command = [sys.executable, "-m", "earwitness", "serve", "--no-jobs", "--port", str(PORT)]
    process = subprocess.Popen(
        [*command, "--workers", str(workers)], env=environment, stdout=subprocess.DEVNULL
    )
    try:
        _wait_until_ready(process)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def _wait_until_ready(process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=5)
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError("the server did not become ready")


def _measure(
    archive: Archive, token: str, name: str, filters: dict[str, Any], rounds: int, used: Used
) -> dict[str, Any]:
    client, body = Client(token), json.dumps(filters).encode()
    answer = json.loads(client.post(SEARCH, body))
    floor = _floor(archive, filters)
    through_http: list[float] = []
    on_the_floor: list[float] = []
    ask = partial(client.post, SEARCH, body)
    for _ in range(rounds):
        through_http.append(milliseconds_of(ask))
        on_the_floor.append(milliseconds_of(floor))
    measured = {
        "total": answer["total"],
        "median_ms": round(statistics.median(through_http), 2),
        "p95_ms": round(sorted(through_http)[int(len(through_http) * 0.95)], 2),
        "floor_ms": round(statistics.median(on_the_floor), 2),
        "ratio": round(statistics.median(through_http) / statistics.median(on_the_floor), 2),
        "processor_ms": round(_processor_ms(used.by_server, ask), 2),
        "floor_processor_ms": round(_processor_ms(used.here, floor), 2),
    }
    print(f"{name:<28} {measured}", flush=True)
    if not answer["recordings"]:
        sys.exit(f"{name} finds nothing in this archive, so it measures nothing.")
    return measured


def _processor_ms(used: Callable[[], float], work: Callable[[], object]) -> float:
    return spent(used, work, often_enough(work, used))


def _reading_on(token: str, page: int, rounds: int) -> dict[str, Any]:
    """The time of a page far back, read with the token of the page before it, to that of the first page."""
    client = Client(token)

    def ask(**filters: Any) -> Any:
        return json.loads(client.post(SEARCH, json.dumps(filters).encode()))

    pinned = ask()["recordingsSearchToken"]
    before = ask(page=page - 1, recordingsSearchToken=pinned)["recordingsSearchToken"]
    first: list[float] = []
    later: list[float] = []
    for _ in range(rounds):
        first.append(milliseconds_of(lambda: ask(page=1, recordingsSearchToken=pinned)))
        later.append(milliseconds_of(lambda: ask(page=page, recordingsSearchToken=before)))
    medians = statistics.median(first), statistics.median(later)
    return {
        "page": page,
        "first_ms": round(medians[0], 2),
        "later_ms": round(medians[1], 2),
        "ratio": round(medians[1] / medians[0], 2),
    }


def _floor(archive: Archive, filters: dict[str, Any]) -> Callable[[], object]:
    """A function that repeats the statements of a search on the bare driver, and encodes its answer."""
    with archive.read() as connection, statements_of(connection) as asked:
        found = search(connection, convert(filters, RecordingSearch), VIEWER)
        answer = recordings_at(connection, VIEWER, found.positions, found.query)
    lent = open_separate_connection(archive)

    def repeat() -> bytes:
        ask_again(lent, asked)
        return msgspec.json.encode(answer)

    return repeat


if __name__ == "__main__":
    main()
