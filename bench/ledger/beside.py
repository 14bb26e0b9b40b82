"""The same calls to two servers in turns: this program, and a checkout without the log."""

import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from bench.calls.processor import used_by_tree

CLIENT_ID = 1
_FILLED = 500
_HERE = Path(__file__).parents[2]
_READY_SECONDS = 60
_MEDIA = b"RIFF" + os.urandom(160_000)
_WARM = 20
_MORE = 4
"""Processor time is counted in steps of 10 ms, so it takes more calls."""

_SETTLE_SECONDS = 3


@dataclass
class Side:
    """One program, its server, its worker, and a client that is signed in."""

    client: httpx2.Client
    pid: int
    worker: int
    number: int = 0

    def ingest(self, media: bytes | None = None) -> None:
        self.number += 1
        start = f"2026-05-{1 + self.number % 28:02}T10:{self.number % 60:02}:00Z"
        metadata = {
            "thirdPartyId": f"call-{self.number}",
            "type": "phone",
            "startDatetimeUTC": start,
            "durationInSeconds": 60,
            "endpoints": [
                _endpoint("447896423595", subject=True),
                _endpoint(str(447700900000 + self.number)),
            ],
            "transcript": {
                "language": "en",
                "segments": [{"text": "Sell the gold after noon.", "start": 0.5, "end": 2.0}],
            },
        }
        files: dict[str, Any] = {"metadata": (None, json.dumps(metadata), "application/json")}
        if media is not None:
            files["media"] = ("call.wav", media, "audio/wav")
        _check(self.client.post("/ingest/recording", files=files))

    def search(self) -> None:
        wanted = {"freeText": "gold", "pageSize": 25}
        _check(self.client.post("/client/recording.search", json=wanted))

    def play(self) -> None:
        _check(self.client.get("/client/recording/1/media", params={"format": "raw"}))

    def read(self) -> None:
        """A read whose access is audited."""
        _check(self.client.post("/client/recording/audit", json={"recordingId": 1, "pageSize": 1}))


def compare_rows(folder: Path, checkout: Path, rounds: int) -> dict[str, Any]:
    """Processor time of the row of an audited read, in processes of their own, in turns."""
    used: dict[Path, list[float]] = {_HERE: [], checkout: []}
    for number in range(rounds):
        for source, times in used.items():
            new = folder / f"row-{number}-{len(times)}-{source.name}"
            words = [sys.executable, str(_HERE / "bench/ledger/row.py"), str(new)]
            given = os.environ | {"PYTHONPATH": str(source / "src")}
            said = subprocess.run(words, env=given, check=True, capture_output=True, text=True, cwd=folder)
            times.append(float(said.stdout))
    ours, theirs = (statistics.median(times) for times in used.values())
    return {
        "what": "the row of an audited read",
        "with, µs of a processor": round(ours),
        "without": round(theirs),
    }


def compare(folder: Path, checkout: Path, calls: int, rounds: int) -> Iterator[dict[str, Any]]:
    with ExitStack() as running:
        ours, theirs = (
            running.enter_context(_side(folder / name, source))
            for name, source in (("with", _HERE), ("without", checkout))
        )
        for side in (ours, theirs):
            side.ingest(_MEDIA)
            for _ in range(_FILLED):
                side.ingest()
        time.sleep(_SETTLE_SECONDS)  # workers look after what was just ingested
        kinds: dict[str, tuple[Callable[[Side], None], int]] = {
            "search": (Side.search, calls),
            "play": (Side.play, calls),
            "audited read": (Side.read, calls),
            "ingest": (Side.ingest, calls // 2),
        }
        for name, (call, count) in kinds.items():
            yield {"what": name} | _in_turns(ours, theirs, call, count, rounds)


def _in_turns(
    ours: Side, theirs: Side, call: Callable[[Side], None], count: int, rounds: int
) -> dict[str, Any]:
    """The median of a call, call by call in turns; the processor time of a call, round by round."""
    times: dict[int, list[float]] = {ours.pid: [], theirs.pid: []}
    used: dict[int, list[float]] = {pid: [] for one in (ours, theirs) for pid in (one.pid, one.worker)}
    for side in (ours, theirs):
        for _ in range(_WARM):
            call(side)
    for _ in range(rounds):
        for _ in range(count):
            for side in (ours, theirs):
                began = time.perf_counter()
                call(side)
                times[side.pid].append(time.perf_counter() - began)
        for side in (ours, theirs):
            before = {pid: used_by_tree(pid) for pid in (side.pid, side.worker)}
            for _ in range(count * _MORE):
                call(side)
            time.sleep(_SETTLE_SECONDS)
            for pid, was in before.items():
                used[pid].append((used_by_tree(pid) - was) / (count * _MORE))
    ms = [statistics.median(times[one.pid]) * 1000 for one in (ours, theirs)]
    server = [statistics.median(used[one.pid]) * 1e6 for one in (ours, theirs)]
    worker = [statistics.median(used[one.worker]) * 1e6 for one in (ours, theirs)]
    return {
        "with, ms": round(ms[0], 2),
        "without, ms": round(ms[1], 2),
        "ratio": round(ms[0] / ms[1], 3),
        "server, more of a processor, µs": round(server[0] - server[1]),
        "of so much, µs": round(server[1]),
        "worker, more of a processor, µs": round(worker[0] - worker[1]),
    }


@contextmanager
def _side(folder: Path, checkout: Path) -> Iterator[Side]:
    """An installation that a program made, and its server."""
    given = {
        "PYTHONPATH": str(checkout / "src"),
        "EARWITNESS_DATA": str(folder / "data"),
        "EARWITNESS_KEYS": str(folder / "data.keys"),
        "EARWITNESS_LOG_LEVEL": "WARNING",
    }
    environment = os.environ | given

    def run(*words: str) -> str:
        command = [sys.executable, "-m", "earwitness", *words]
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout

    folder.mkdir()
    run("account", "create", str(CLIENT_ID), "--name", "Benchmark")
    run("user", "create", str(CLIENT_ID), "bench", "--role", "Admin")
    key = json.loads(run("apikey", "create", str(CLIENT_ID), "bench", "--json"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = ("serve", "--no-jobs", "--port", str(port)), ("worker",)
    process, worker = (
        subprocess.Popen(
            [sys.executable, "-m", "earwitness", *one],
            env=environment,
            stdout=subprocess.DEVNULL,
            cwd=folder,
        )
        for one in words
    )
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}/api", timeout=60) as client:
            _wait(client, process)
            token = client.post("/authWithApiKey", json=key).json()["token"]
            client.headers["Authorization"] = f"Bearer {token}"
            yield Side(client, process.pid, worker.pid)
    finally:
        for one in (process, worker):
            one.terminate()
            one.wait()


def _wait(client: httpx2.Client, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _READY_SECONDS
    while True:
        try:
            if client.get(client.base_url.copy_with(path="/readyz")).status_code == 200:
                return
        except httpx2.TransportError:
            pass
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError("the server did not become ready")
        time.sleep(0.1)


def _check(answer: httpx2.Response) -> None:
    if not answer.is_success:
        raise RuntimeError(f"{answer.status_code}: {answer.text[:200]}")


def _endpoint(value: str, *, subject: bool = False) -> dict[str, Any]:
    return {"type": "phone", "endpoint": value, "isOriginator": not subject, "isRecordingSubject": subject}
