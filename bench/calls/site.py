"""The installation that is measured: its server, its archive, and callers that are signed in."""

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.calls import counted
from bench.calls.by_hand import Hand
from bench.calls.processor import used_by_tree, used_here
from bench.media.servers import Server, earwitness
from earwitness.archive.accounts.accounts import Archive
from earwitness.kernel.settings import Settings

CLIENT_ID = 1
_JOB_PAUSE_SECONDS = 0.05
_ALLOWED_SECONDS = 900
_IDLE_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status, the job that is still at work, the seconds to the first byte, the body."""

    status: int
    pending: str | None
    first_byte_seconds: float
    body: bytes = field(repr=False)

    def json(self) -> Any:
        return json.loads(self.body)


class Caller:
    """One connection that is kept open, with a token."""

    def __init__(self, port: int, token: str = "") -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ALLOWED_SECONDS)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._used_at = time.monotonic()

    def send(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> Answer:
        """Send a request, and read the whole answer, whatever its status."""
        sent = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        self._close_if_idle()
        began = time.perf_counter()
        self._connection.request(method, f"/api{path}", sent, self._headers | {"Content-Type": kind})
        response = self._connection.getresponse()
        first = response.read(1)
        seconds = time.perf_counter() - began
        return Answer(response.status, response.headers["X-Pending"], seconds, first + response.read())

    def call(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> Answer:
        """The same, until the job that it began is through. Raises RuntimeError for a refusal."""
        answer = self.send(method, path, body, kind)
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {answer.body[:300]!r}")
        job = answer.pending or (answer.json().get("jobId") if answer.status == 202 else None)
        if job is not None:
            self._wait_for(job)
        return answer

    def _close_if_idle(self) -> None:
        """Connect anew where the server may be closing the connection, since nothing was sent for a while."""
        if time.monotonic() - self._used_at > _IDLE_SECONDS:
            self._connection.close()
        self._used_at = time.monotonic()

    def _wait_for(self, job: object) -> None:
        until = time.monotonic() + _ALLOWED_SECONDS
        while (state := self.send("GET", f"/client/job/{job}").json()["state"]) != "done":
            if state == "failed" or time.monotonic() > until:
                raise RuntimeError(f"job {job} is {state}")
            time.sleep(_JOB_PAUSE_SECONDS)


@dataclass(slots=True)
class Site:
    """An installation. `rounds` are for quick calls, `mass_rounds` for changes of much."""

    settings: Settings
    archive: Archive
    hand: Hand
    folder: Path
    rounds: int
    mass_rounds: int
    credentials: dict[str, Any] = field(repr=False)
    postgres_pid: int | None
    kept: dict[str, Any] = field(default_factory=dict)
    """What rows remember for their next round."""

    _server: Server | None = None
    _caller: Caller | None = None

    @contextmanager
    def serving(self, *, jobs: bool) -> Iterator[None]:
        """Run the server. It counts its statements, which takes a thousandth of their time."""
        counted.make(self._counted)
        program = ("-m", "bench.calls.counted", str(self._counted))
        with earwitness(self.settings, jobs=jobs, program=program) as self._server:
            self.sign_in()
            yield
        self._server = self._caller = None

    @property
    def caller(self) -> Caller:
        """The connection that rows share."""
        assert self._caller is not None
        return self._caller

    def sign_in(self) -> None:
        """Sign in anew: a token is valid for an hour."""
        self._caller = self.another_caller()

    def another_caller(self) -> Caller:
        assert self._server is not None
        answer = Caller(self._server.port).call("POST", "/authWithApiKey", self.credentials)
        return Caller(self._server.port, answer.json()["token"])

    def statements(self) -> int:
        """How many statements the server has sent to the databases so far."""
        return counted.counted_in(self._counted)

    def used_by_server(self) -> float:
        """Processor seconds of the server and of the database."""
        assert self._server is not None
        return used_by_tree(self._server.pid) + self._used_by_postgres()

    def used_here(self) -> float:
        """Processor seconds of this process, of its children that have ended, and of the database."""
        return used_here() + self._used_by_postgres()

    def _used_by_postgres(self) -> float:
        return used_by_tree(self.postgres_pid) if self.postgres_pid else 0

    @property
    def _counted(self) -> Path:
        return self.folder / "counted"
