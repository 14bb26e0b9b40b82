"""The clients: each door has senders, and what was acknowledged is looked for, played, and kept account of.

A sender offers each recording to its own door first. Where that fails it sends the same again, to the next
door and the next, until one acknowledges it, as the contract of ingest lets it.
"""

import random
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx2

from bench.faults.outcomes import Outcome, Seen, kind_of
from bench.faults.proxy import HOST_NAME
from bench.faults.site import MAIN, OTHER
from bench.soak_client import Acknowledged, Client

ANSWER_SECONDS = 20.0
"""No answer for so long counts as none, and the client goes away."""
_CONNECT_SECONDS = 3.0
_SENDING_PAUSE, _READING_PAUSE, _AGAIN_PAUSE = 1.0, 0.4, 0.25
_MOST_QUEUED = 60


@dataclass(frozen=True, slots=True)
class Sent:
    """A recording that was acknowledged: when it was offered first, in which account, and how often."""

    recording: Acknowledged
    account: int
    offered: float
    tries: int


@dataclass(slots=True)
class Crowd:
    """Every client of a run."""

    doors: Mapping[str, str]
    credentials: Mapping[int, dict[str, Any]]
    seed: int = 1
    seen: Seen = field(default_factory=Seen)
    sent: dict[str, Sent] = field(default_factory=dict)
    unanswered: dict[str, Sent] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    crowded: threading.Event = field(default_factory=threading.Event)
    _over: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        direct = [door for door in self.doors if door != "nginx"]
        roles: list[tuple[Callable[[_Visitor], None], str, int, float]] = [
            (self._send, door, MAIN, _SENDING_PAUSE) for door in self.doors
        ]
        roles += [
            (self._send, direct[0], OTHER, _SENDING_PAUSE),
            (self._search, direct[0], OTHER, _READING_PAUSE),
        ]
        roles += [
            (role, door, MAIN, _READING_PAUSE) for role in (self._search, self._play) for door in self.doors
        ]
        roles += [(self._sign_in, door, MAIN, 2 * _READING_PAUSE) for door in self.doors]
        roles += [(self._ask_ready, door, MAIN, 1.0) for door in direct]
        for number, (step, door, account, pause) in enumerate(roles):
            words = (step, door, account, pause, self.seed * 1000 + number)
            self._threads.append(threading.Thread(target=self._role, args=words, daemon=True))
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let what is under way come to its end, if that is soon."""
        self._over.set()
        deadline = time.monotonic() + 2 * ANSWER_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _role(
        self, step: Callable[["_Visitor"], None], door: str, account: int, pause: float, seed: int
    ) -> None:
        with _Visitor(self, door, account, seed) as visitor:
            while not self._over.wait(pause * visitor.choice.uniform(0.5, 1.5)):
                try:
                    step(visitor)
                except httpx2.HTTPStatusError as error:
                    self.wrong.append(
                        f"{visitor.door}: {error.request.url.path} answered {error.response.text[:300]}"
                    )

    def _send(self, visitor: "_Visitor") -> None:
        if self.crowded.is_set():
            return
        recording, media = visitor.client(visitor.door).make()
        offered, tries = time.monotonic(), 0
        while not self._over.is_set():
            door = visitor.in_turn[tries % len(visitor.in_turn)]
            tries += 1
            answered = visitor.client(door).ingest(recording, media)
            with self._lock:
                if answered is not None:
                    self.unanswered.pop(recording.third_party_id, None)
                    self.sent[recording.third_party_id] = Sent(answered, visitor.account, offered, tries)
                    return
                self.unanswered[recording.third_party_id] = Sent(recording, visitor.account, offered, tries)
            self._over.wait(_AGAIN_PAUSE)

    def _search(self, visitor: "_Visitor") -> None:
        """What was acknowledged is found at once at every door, once, by its id and by a word of its own."""
        if (wanted := self._any(visitor)) is None:
            return
        filters: dict[str, Any] = visitor.choice.choice(
            [{"thirdPartyIds": {"include": [wanted.third_party_id]}}, {"freeText": wanted.word}]
        )
        found = visitor.client(visitor.door).search(filters)
        if found is not None and found != {wanted.third_party_id: wanted.interaction_id}:
            self.wrong.append(f"{visitor.door}: {filters} found {found}")

    def _play(self, visitor: "_Visitor") -> None:
        wanted = self._any(visitor)
        if wanted and wanted.sha256 and visitor.client(visitor.door).play(wanted) is False:
            self.wrong.append(f"{visitor.door}: {wanted.third_party_id} played other bytes")

    def _sign_in(self, visitor: "_Visitor") -> None:
        try:
            visitor.client(visitor.door).sign_in()
        except httpx2.TransportError:
            return

    def _ask_ready(self, visitor: "_Visitor") -> None:
        visitor.ask_ready()

    def _any(self, visitor: "_Visitor") -> Acknowledged | None:
        with self._lock:
            names = [name for name, one in self.sent.items() if one.account == visitor.account]
        return self.sent[visitor.choice.choice(names)].recording if names else None


class _Visitor:
    """The connections of one thread, one client a door."""

    def __init__(self, crowd: Crowd, door: str, account: int, seed: int) -> None:
        self.door, self.account = door, account
        self.choice = random.Random(seed)
        doors = list(crowd.doors)
        self.in_turn = doors[doors.index(door) :] + doors[: doors.index(door)]
        self._crowd = crowd
        self._clients: dict[str, Client] = {}
        self._leaving = ExitStack()

    def __enter__(self) -> "_Visitor":
        return self

    def __exit__(self, *_: object) -> None:
        self._leaving.close()

    def client(self, door: str) -> Client:
        if door not in self._clients:
            http = connection(f"{self._crowd.doors[door]}/api")
            tell = self._crowd.seen.watcher(door, self.account)
            credentials = self._crowd.credentials[self.account]
            client = Client(self._crowd.doors[door], credentials, self.choice, http=http, tell=tell)
            self._clients[door] = self._leaving.enter_context(client)
        return self._clients[door]

    def ask_ready(self) -> None:
        began = time.monotonic()
        try:
            with connection(self._crowd.doors[self.door]) as http:
                came: httpx2.Response | httpx2.TransportError = http.get("/readyz")
        except httpx2.TransportError as error:
            came = error
        ended = time.monotonic()
        self._crowd.seen.add(Outcome("readyz", self.door, self.account, began, ended, *kind_of(came)))


def connection(url: str) -> httpx2.Client:
    return httpx2.Client(
        base_url=url,
        headers={"Host": HOST_NAME},
        timeout=httpx2.Timeout(ANSWER_SECONDS, connect=_CONNECT_SECONDS),
        verify=False,
    )
