"""The clients of a run: they send, find and play recordings, and note every outcome.

A target is a server, or nginx. Each sender has a target of its own, to which it sends a recording first. If
that fails, it sends the same recording to the next target, until one acknowledges it. Ingest allows that: a
recording that is sent twice is stored once.
"""

import random
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx2

from bench.faults.outcomes import Outcome, Outcomes, kind_of
from bench.faults.proxy import HOST_NAME
from bench.faults.site import MAIN, OTHER
from bench.soak_client import Acknowledged, Client

ANSWER_SECONDS = 20.0
"""After this time without an answer, the client gives up and closes its connection."""
_CONNECT_SECONDS = 3.0
_SENDING_PAUSE, _READING_PAUSE, _AGAIN_PAUSE = 1.0, 0.4, 0.25


@dataclass(frozen=True, slots=True)
class Sent:
    """A recording that was sent: to which account, when first, and how many times."""

    recording: Acknowledged
    account: int
    first_sent: float
    tries: int


@dataclass(slots=True)
class Clients:
    """All clients of a run. They hold back new recordings while `too_many_jobs` is set."""

    targets: Mapping[str, str]
    credentials: Mapping[int, dict[str, Any]]
    seed: int = 1
    outcomes: Outcomes = field(default_factory=Outcomes)
    sent: dict[str, Sent] = field(default_factory=dict)
    unanswered: dict[str, Sent] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    too_many_jobs: threading.Event = field(default_factory=threading.Event)
    _over: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        direct = [target for target in self.targets if target != "nginx"]
        roles: list[tuple[Callable[[_Caller], None], str, int, float]] = [
            (self._send, target, MAIN, _SENDING_PAUSE) for target in self.targets
        ]
        roles += [
            (self._send, direct[0], OTHER, _SENDING_PAUSE),
            (self._search, direct[0], OTHER, _READING_PAUSE),
        ]
        roles += [
            (role, target, MAIN, _READING_PAUSE)
            for role in (self._search, self._play)
            for target in self.targets
        ]
        roles += [(self._sign_in, target, MAIN, 2 * _READING_PAUSE) for target in self.targets]
        roles += [(self._ask_ready, target, MAIN, 1.0) for target in direct]
        for number, (step, target, account, pause) in enumerate(roles):
            words = (step, target, account, pause, self.seed * 1000 + number)
            self._threads.append(threading.Thread(target=self._role, args=words, daemon=True))
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop sending. Calls that are under way get some time to end."""
        self._over.set()
        deadline = time.monotonic() + 2 * ANSWER_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _role(
        self, step: Callable[["_Caller"], None], target: str, account: int, pause: float, seed: int
    ) -> None:
        with _Caller(self, target, account, seed) as caller:
            while not self._over.wait(pause * caller.choice.uniform(0.5, 1.5)):
                try:
                    step(caller)
                except httpx2.HTTPStatusError as error:
                    self.wrong.append(
                        f"{caller.target}: {error.request.url.path} answered {error.response.text[:300]}"
                    )

    def _send(self, caller: "_Caller") -> None:
        if self.too_many_jobs.is_set():
            return
        recording, media = caller.client(caller.target).make()
        first_sent, tries = time.monotonic(), 0
        while not self._over.is_set():
            target = caller.in_turn[tries % len(caller.in_turn)]
            tries += 1
            answered = caller.client(target).ingest(recording, media)
            with self._lock:
                if answered is not None:
                    self.unanswered.pop(recording.third_party_id, None)
                    self.sent[recording.third_party_id] = Sent(answered, caller.account, first_sent, tries)
                    return
                self.unanswered[recording.third_party_id] = Sent(recording, caller.account, first_sent, tries)
            self._over.wait(_AGAIN_PAUSE)

    def _search(self, caller: "_Caller") -> None:
        """Check that a target finds an acknowledged recording exactly once, by its id or by its own word."""
        if (wanted := self._any(caller)) is None:
            return
        filters: dict[str, Any] = caller.choice.choice(
            [{"thirdPartyIds": {"include": [wanted.third_party_id]}}, {"freeText": wanted.word}]
        )
        found = caller.client(caller.target).search(filters)
        if found is not None and found != {wanted.third_party_id: wanted.interaction_id}:
            self.wrong.append(f"{caller.target}: {filters} found {found}")

    def _play(self, caller: "_Caller") -> None:
        wanted = self._any(caller)
        if wanted and wanted.sha256 and caller.client(caller.target).play(wanted) is False:
            self.wrong.append(f"{caller.target}: {wanted.third_party_id} played other bytes")

    def _sign_in(self, caller: "_Caller") -> None:
        try:
            caller.client(caller.target).sign_in()
        except httpx2.TransportError:
            return

    def _ask_ready(self, caller: "_Caller") -> None:
        caller.ask_ready()

    def _any(self, caller: "_Caller") -> Acknowledged | None:
        with self._lock:
            names = [name for name, one in self.sent.items() if one.account == caller.account]
        return self.sent[caller.choice.choice(names)].recording if names else None


class _Caller:
    """One thread, with a connection to each target that it calls."""

    def __init__(self, clients: Clients, target: str, account: int, seed: int) -> None:
        self.target, self.account = target, account
        self.choice = random.Random(seed)
        targets = list(clients.targets)
        self.in_turn = targets[targets.index(target) :] + targets[: targets.index(target)]
        self._clients_of_run = clients
        self._clients: dict[str, Client] = {}
        self._leaving = ExitStack()

    def __enter__(self) -> "_Caller":
        return self

    def __exit__(self, *_: object) -> None:
        self._leaving.close()

    def client(self, target: str) -> Client:
        if target not in self._clients:
            http = connection(f"{self._clients_of_run.targets[target]}/api")
            tell = self._clients_of_run.outcomes.watcher(target, self.account)
            credentials = self._clients_of_run.credentials[self.account]
            client = Client(
                self._clients_of_run.targets[target], credentials, self.choice, http=http, tell=tell
            )
            self._clients[target] = self._leaving.enter_context(client)
        return self._clients[target]

    def ask_ready(self) -> None:
        began = time.monotonic()
        try:
            with connection(self._clients_of_run.targets[self.target]) as http:
                came: httpx2.Response | httpx2.TransportError = http.get("/readyz")
        except httpx2.TransportError as error:
            came = error
        ended = time.monotonic()
        self._clients_of_run.outcomes.add(
            Outcome("readyz", self.target, self.account, began, ended, *kind_of(came))
        )


def connection(url: str) -> httpx2.Client:
    return httpx2.Client(
        base_url=url,
        headers={"Host": HOST_NAME},
        timeout=httpx2.Timeout(ANSWER_SECONDS, connect=_CONNECT_SECONDS),
        verify=False,
    )
