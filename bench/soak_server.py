"""An installation that a soak kills: `earwitness serve` and `earwitness worker` on a new archive."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2

CLIENT_ID = 1234567
USERNAME = "soak@example.com"
_READY_SECONDS = 120
_VICTIMS = ("server", "parent", *("process", "worker") * 2, *("decoder",) * 4)


class Server:
    """The processes of one installation: two that serve and do jobs, and one worker."""

    def __init__(self, folder: Path, database_url: str = "") -> None:
        self.environment = os.environ | {
            "EARWITNESS_DATA": str(folder / "data"),
            "EARWITNESS_KEYS": str(folder / "keys"),
            "EARWITNESS_DATABASE_URL": database_url,
            "EARWITNESS_MIN_FREE_MIB": "1",
            "EARWITNESS_LOG_LEVEL": "WARNING",
        }
        self._log = (folder / "server.log").open("ab")
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self._port = listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._serving: subprocess.Popen[bytes] | None = None
        self._working: subprocess.Popen[bytes] | None = None

    def command(self, *words: object) -> Any:
        """Run a command with `--json`, and return what it printed, whatever its exit code."""
        done = subprocess.run(
            [*_EARWITNESS, *map(str, words), "--json"], env=self.environment, capture_output=True, check=False
        )
        return json.loads(done.stdout)

    def create_account(self) -> dict[str, Any]:
        """Make the account and its administrator. Returns the body of the sign-in."""
        self.command("account", "create", CLIENT_ID, "--name", "A soaked firm")
        self.command("account", "set", CLIENT_ID, "--transcription", "pocketsphinx")
        self.command("user", "create", CLIENT_ID, USERNAME, "--role", "Admin")
        credentials: dict[str, Any] = self.command("apikey", "create", CLIENT_ID, USERNAME)
        return credentials

    def start(self) -> None:
        """Start the processes that do not run, and wait until the server is ready. Raises TimeoutError."""
        deadline = time.monotonic() + _READY_SECONDS
        self._working = self._kept(self._working, "worker")
        while time.monotonic() < deadline:
            self._serving = self._kept(self._serving, "serve", "--port", self._port, "--workers", 2)
            with suppress(httpx2.TransportError):
                if httpx2.get(f"{self.url}/readyz", timeout=10).is_success:
                    return
            time.sleep(0.1)
        raise TimeoutError("the server did not become ready")

    def kill(self, choice: random.Random) -> str:
        """Kill something with SIGKILL. Returns what; "nothing" if it had ended by itself."""
        what = choice.choice(_VICTIMS)
        if what == "decoder":
            return what if _kill_one(self._decoders(), choice) else "nothing"
        victim = self._working if what == "worker" else self._serving
        if victim is None or victim.poll() is not None:
            return "nothing"
        if what == "process":
            return what if _kill_one(children(victim.pid), choice) else "nothing"
        if what == "server":
            os.killpg(victim.pid, signal.SIGKILL)
        else:
            victim.kill()
        victim.wait()
        return what

    def _decoders(self) -> list[int]:
        """The processes that decode or transcribe for the server and the worker, and that fork decoders."""
        ours = [process.pid for process in (self._serving, self._working) if process is not None]
        return [
            pid
            for pid in _descendants(ours)
            if _runs(pid, b"earwitness.media.decoding") or _runs(pid, b"earwitness.speech.child")
        ]

    def stop(self) -> None:
        for process in (self._serving, self._working):
            if process is not None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self._log.close()

    def _kept(self, process: subprocess.Popen[bytes] | None, *words: object) -> subprocess.Popen[bytes]:
        if process is not None and process.poll() is None:
            return process
        return subprocess.Popen(
            [*_EARWITNESS, *map(str, words)],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=self._log,
            start_new_session=True,
        )


_EARWITNESS = (sys.executable, "-m", "earwitness")


def _descendants(pids: list[int]) -> list[int]:
    started = [child for pid in pids for child in children(pid)]
    return [*started, *_descendants(started)] if started else []


def children(pid: int) -> list[int]:
    """The processes that a process started."""
    listed: list[int] = []
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            listed += map(int, (thread / "children").read_text().split())
    return listed


def _runs(pid: int, module: bytes) -> bool:
    try:
        return module in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _kill_one(pids: list[int], choice: random.Random) -> bool:
    try:
        os.kill(choice.choice(pids), signal.SIGKILL)
    except (IndexError, ProcessLookupError):
        return False
    return True
