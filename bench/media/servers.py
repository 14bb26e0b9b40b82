"""Server processes on loopback: Earwitness, and a server that sends the same bytes from a plain file."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from earwitness.kernel.settings import Settings

_READY_SECONDS = 60
_TAKEN_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class Server:
    """A server of one process, and the headers that its callers send."""

    port: int
    pid: int
    headers: dict[str, str] = field(default_factory=dict, repr=False, compare=False)

    def caller(self) -> "Caller":
        return Caller(self)

    @property
    def rss_mib(self) -> float:
        return self._memory("VmRSS")

    @property
    def highest_rss_mib(self) -> float:
        """The most memory since `forget_highest`."""
        return self._memory("VmHWM")

    @property
    def processor_seconds(self) -> float:
        """The processor time that it has used so far, on all cores."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def forget_highest(self) -> None:
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def _memory(self, name: str) -> float:
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        (line,) = (line for line in lines if line.startswith(f"{name}:"))
        return int(line.split()[1]) / 1024


class Caller:
    """One connection that is kept open, as integrations do."""

    def __init__(self, server: Server) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
        self._headers = server.headers

    def post(self, path: str, body: bytes, kind: str = "application/json") -> bytes:
        return self._answer("POST", path, body, {"Content-Type": kind}).read()

    def download(self, path: str, body: bytes | None = None) -> tuple[float, int]:
        """Download something whole. Returns the seconds and the number of bytes."""
        taken, buffer = 0, bytearray(_TAKEN_AT_ONCE)
        began = time.perf_counter()
        response = self._answer("GET" if body is None else "POST", path, body, {})
        while count := response.readinto(buffer):
            taken += count
        return time.perf_counter() - began, taken

    def first_byte(self, path: str, start: int, length: int) -> float:
        """Seconds until the first byte of a range arrives."""
        began = time.perf_counter()
        response = self._answer("GET", path, None, {"Range": f"bytes={start}-{start + length - 1}"})
        if not response.read(1):
            raise RuntimeError("the range is empty")
        seconds = time.perf_counter() - began
        response.read()
        return seconds

    def _answer(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> http.client.HTTPResponse:
        self._connection.request(method, path, body, self._headers | headers)
        response = self._connection.getresponse()
        if response.status not in {200, 201, 206}:
            raise RuntimeError(f"{response.status}: {response.read()[:200]!r}")
        return response


@contextmanager
def earwitness(
    settings: Settings, *, jobs: bool = False, program: tuple[str, ...] = ("-m", "earwitness")
) -> Iterator[Server]:
    """`earwitness serve` on an archive; its callers are not signed in yet."""
    words = [*program, "serve", *([] if jobs else ["--no-jobs"])]
    with _running(words, environment(settings), "/readyz") as server:
        yield server


def environment(settings: Settings) -> dict[str, str]:
    """The variables that let a process work on an archive."""
    given = {
        "EARWITNESS_DATA": str(settings.data),
        "EARWITNESS_KEYS": str(settings.keys_folder),
        "EARWITNESS_DATABASE_URL": settings.database_url,
        "EARWITNESS_LOG_LEVEL": "WARNING",
    }
    return given | ({"EARWITNESS_DATABASE_URL": settings.database_url} if settings.database_url else {})


@contextmanager
def plain(file: Path) -> Iterator[Server]:
    """A server that sends a plain file in the same way."""
    with _running(["-m", "bench.media.plain"], {"PLAIN_FILE": str(file)}, "/ready") as server:
        yield server


@contextmanager
def _running(words: list[str], given: dict[str, str], ready: str) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, *words, "--port", str(port)]
    process = subprocess.Popen(command, env=os.environ | given, stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + _READY_SECONDS
        while not _is_ready(port, ready):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("the server did not become ready")
            time.sleep(0.1)
        yield Server(port, process.pid)
    finally:
        process.terminate()
        process.wait()


def _is_ready(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
