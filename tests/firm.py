"""The firm that tests use: its server, its users, and their calls."""

import json
import wave
from collections import Counter
from concurrent.futures import Future
from functools import lru_cache
from io import BytesIO
from math import ceil, pi, sin
from types import TracebackType
from typing import Any, Self

from httpx2 import Client, Response
from litestar import Litestar

from earwitness.app import build, install
from earwitness.archive.access.users import add_api_key, add_user
from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.jobs import queue
from earwitness.kernel.rights import Right, Role
from earwitness.kernel.settings import Settings
from earwitness.workers.loop import JobLoop
from tests.in_process import HOST, InProcess

CLIENT_ID = 1234567
ADMIN = "admin@example.com"


_idle: list[Litestar] = []


def take_app(settings: Settings) -> Litestar:
    """An application for an installation. Building routes takes long, so applications are reused."""
    if not _idle:
        return build(settings)
    app = _idle.pop()
    install(app, settings)
    return app


def give_back(app: Litestar) -> None:
    _idle.append(app)


class Firm:
    """One account, its server, and its signed-in users. Calls are made as the administrator by default."""

    def __init__(
        self, settings: Settings, app: Litestar | None = None, keys: dict[str, str] | None = None
    ) -> None:
        """`keys` are the API keys of users that the firm has already, as a copy of another firm has."""
        self.settings = settings
        self.app = app or take_app(settings)
        self._is_own_app = app is not None
        self._server = InProcess(self.app)
        self.client = Client(base_url=f"http://{HOST}", transport=self._server, timeout=None)
        self.keys = dict(keys or {})
        self.tokens: dict[str, str] = {}

    def __enter__(self) -> Self:
        self.client.__enter__()
        if not self.keys:
            self.add_user(ADMIN, [Role.ADMIN])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.__exit__(kind, error, trace)
        if not self._is_own_app:
            give_back(self.app)

    @property
    def archive(self) -> Archive:
        archive: Archive = self.app.state.installation.accounts.open(CLIENT_ID)
        return archive

    def add_user(self, username: str, granted: list[Role] | list[Right] | list[str], **others: Any) -> int:
        """Add a user. The first call as this user signs in."""
        with self.archive.write() as connection:
            user_id = add_user(connection, username, [str(name) for name in granted], **others)
            _, self.keys[username] = add_api_key(connection, user_id)
        return user_id

    def token(self, username: str = ADMIN) -> str:
        if username not in self.tokens:
            body = {"clientId": CLIENT_ID, "username": username, "apiKey": self.keys[username]}
            self.tokens[username] = self.client.post("/api/authWithApiKey", json=body).json()["token"]
        return self.tokens[username]

    def headers(self, username: str = ADMIN) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(username)}"}

    def call(
        self, method: str, path: str, body: Any = None, *, as_user: str = ADMIN, **given: Any
    ) -> Response:
        """Make a call; `body` is sent as JSON, if there is one."""
        if body is not None:
            given["json"] = body
        return self.client.request(method, f"/api{path}", headers=self.headers(as_user), **given)

    def begin(self, path: str, *, as_user: str = ADMIN, **params: Any) -> Future[Response]:
        """Begin a GET whose answer comes later."""
        asked = self.client.build_request("GET", f"/api{path}", headers=self.headers(as_user), params=params)
        return self._server.begin(asked)

    def post(self, path: str, body: Any = None, *, as_user: str = ADMIN) -> Any:
        """POST, expect success, and return the JSON."""
        response = self.call("POST", path, body, as_user=as_user)
        assert response.is_success, response.text
        return response.json()

    def get(self, path: str, *, as_user: str = ADMIN, **params: Any) -> Any:
        response = self.call("GET", path, as_user=as_user, params=params)
        assert response.is_success, response.text
        return response.json()

    def search(self, *, as_user: str = ADMIN, **wanted: Any) -> list[str]:
        """The third-party ids that a search finds, in order."""
        page = self.post("/client/recording.search", wanted, as_user=as_user)
        return [recording["thirdPartyId"] for recording in page["recordings"]]

    def send(self, metadata: Any, media: bytes | None = None, *, as_user: str = ADMIN) -> Response:
        """Ingest, and return the response of any status."""
        files: dict[str, Any] = {"metadata": (None, json.dumps(metadata), "application/json")}
        if media is not None:
            files["media"] = ("call.wav", media, "application/octet-stream")
        return self.client.post("/api/ingest/recording", files=files, headers=self.headers(as_user))

    def ingest(self, media: bytes | None = None, **metadata: Any) -> int:
        """Ingest a call, changed by `metadata`, and return its interactionId."""
        response = self.send(call(**metadata), media)
        assert response.is_success, response.text
        interaction_id: int = response.json()["interactionId"]
        return interaction_id

    def jobs(self) -> dict[str, int]:
        """How many jobs are in each state."""
        with self.archive.read() as connection:
            return Counter(str(job["state"]) for job in queue.list_jobs(connection, done=True))

    def work(self) -> None:
        """Do all background work that is due."""
        JobLoop(self.app.state.installation.accounts, self.settings).run_until_idle()


def call(**changes: Any) -> dict[str, Any]:
    """The metadata of a plain call of a minute, with changes; a change to None leaves a field out."""
    plain: dict[str, Any] = {
        "thirdPartyId": "call-1",
        "type": "phone",
        "startDatetimeUTC": "2026-05-12T10:30:00Z",
        "endDatetimeUTC": None if "durationInSeconds" in changes else "2026-05-12T10:31:00Z",
        "endpoints": [endpoint("447896423595", subject=True), endpoint("447700900111", originator=True)],
    }
    start = changes.get("startDatetimeUTC")
    if start is not None and "endDatetimeUTC" not in changes:
        plain |= {"endDatetimeUTC": None, "durationInSeconds": 60}
    return {name: value for name, value in (plain | changes).items() if value is not None}


def endpoint(
    value: str, *, kind: str = "phone", subject: bool = False, originator: bool = False, **others: Any
) -> dict[str, Any]:
    return {
        "type": kind,
        "endpoint": value,
        "isRecordingSubject": subject,
        "isOriginator": originator,
        **others,
    }


def person(name: str, **others: Any) -> dict[str, Any]:
    """A person as a source describes one, with an email made of the name."""
    return {"fullName": name, "email": f"{name.lower().replace(' ', '.')}@example.com", **others}


def transcript(*sentences: str, language: str = "en") -> dict[str, Any]:
    """A transcript in which each sentence takes two seconds."""
    segments = [{"text": text, "start": 2.0 * i, "end": 2.0 * i + 1.5} for i, text in enumerate(sentences)]
    return {"language": language, "segments": segments}


@lru_cache(maxsize=16)
def tone(seconds: float = 1.0, rate: int = 8000, channels: int = 1, hertz: int = 440) -> bytes:
    """A wav file with a tone, half as loud on each further channel."""
    second = bytearray()  # the same again and again
    for index in range(rate):
        level = sin(2 * pi * hertz * index / rate) * 0.5
        for channel in range(channels):
            second += int(level * 32767 / (channel + 1)).to_bytes(2, "little", signed=True)
    written = BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((bytes(second) * ceil(seconds))[: int(seconds * rate) * channels * 2])
    return written.getvalue()
