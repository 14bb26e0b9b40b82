"""A naive client keeps an exact copy while the server is killed, answers 503 and lets its sign-in expire.

It knows three things: the feed, how to read one recording, and the hashes of days. It reads a recording anew
whenever the feed names it, and goes on from a place when all that was named before it is read.
"""

import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

import httpx2
import jwt

from earwitness.archive.accounts.accounts import Accounts
from earwitness.archive.media import key_rotation
from earwitness.cli.operator import action
from earwitness.kernel.errors import Problem
from earwitness.kernel.settings import Settings
from earwitness.operations.signing_key import SigningKey
from tests.api.changes.following import hash_of
from tests.firm import CLIENT_ID, call, tone, transcript
from tests.serving import Credentials, Server, administrator, server
from tests.waiting import until

KILLS = 2
WRITES_BETWEEN_KILLS = 20
FAULTS_IN_A_HUNDRED = 5
TOKEN_SECONDS = 2
DAYS = (11, 12, 13)
PAGE = 7


class Refused(Exception):
    """An answer that is no success, or none at all."""


@dataclass
class Line:
    """The way to whichever server runs now. A sign-in is good for seconds, and of a hundred calls some fail,
    as if they were answered 503, before they are done or after that."""

    settings: Settings
    credentials: Credentials
    chance: random.Random
    base_url: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    client: httpx2.Client = field(default_factory=lambda: httpx2.Client(timeout=30))
    faults: int = 0
    sign_ins: int = 0

    def ask(self, method: str, path: str, **given: Any) -> httpx2.Response:
        """Call until there is an answer that is no failure of the server or of the way."""
        while True:
            try:
                return self._ask(method, path, **given)
            except (httpx2.TransportError, Refused):
                time.sleep(0.02)  # as a client does before it tries again

    def _ask(self, method: str, path: str, **given: Any) -> httpx2.Response:
        fails = self.chance.randrange(100) < FAULTS_IN_A_HUNDRED
        if fails and self.chance.random() < 0.5:
            self.faults += 1
            raise Refused
        answer = self.client.request(method, self.base_url + path, headers=self.headers, **given)
        if fails:
            self.faults += 1
            raise Refused
        if answer.status_code == 401:
            self._sign_in()
            raise Refused
        if answer.status_code >= 500:
            raise Refused
        return answer

    def _sign_in(self) -> None:
        """Sign in, and make the token end in seconds instead of a minute, so that the test sees it end."""
        answer = self.client.post(f"{self.base_url}/authWithApiKey", json=self.credentials)
        token = answer.json()["token"]
        key = SigningKey(self.settings).value
        claims = jwt.decode(token, key, algorithms=["HS256"])
        assert claims["exp"] - claims["iat"] == 60
        claims["exp"] = int(time.time()) + TOKEN_SECONDS
        self.headers = {"Authorization": f"Bearer {jwt.encode(claims, key, algorithm='HS256')}"}
        self.sign_ins += 1

    def post(self, path: str, body: Any) -> Any:
        answer = self.ask("POST", path, json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def read(self, interaction_id: int, third_party_id: str) -> dict[str, Any] | None:
        """Everything of a recording that a copy keeps; None if there is none."""
        found = self.post("/client/recording.detail.get", {"interactionIds": [interaction_id]})
        if not found:
            return None
        said = self.post("/client/recording.transcription.get", {"interactionIds": [interaction_id]})
        comments = self.ask("GET", "/client/recording/comment", params={"recordingId": interaction_id})
        raw = {"thirdPartyId": third_party_id, "format": "raw"}
        media = self.ask("POST", "/client/recording.playBackByThirdPartyId", json=raw)
        return {
            "version": found[0]["metadata"]["recordVersion"],
            "transcript": said,
            "comments": comments.json(),
            "media": sha256(media.content).hexdigest() if media.status_code == 200 else None,
        }


@dataclass
class Replica:
    """The copy, and the place in the feed up to which it is complete."""

    line: Line
    recordings: dict[int, dict[str, Any]] = field(default_factory=dict)
    since: int = 0

    def follow(self, is_over: Callable[[], bool]) -> None:
        """Follow the feed, until it is over and nothing more comes."""
        while True:
            was_over = is_over()
            query = {"since": self.since, "limit": PAGE, "wait": 0 if was_over else 1}
            answer = self.line.ask("GET", "/client/changes", params=query)
            assert answer.status_code == 200, answer.text
            page = answer.json()
            named = {one["interactionId"]: one["thirdPartyId"] for one in page["changes"]}
            for interaction_id, third_party_id in named.items():
                now = self.line.read(interaction_id, third_party_id)
                self.recordings.pop(interaction_id, None)
                if now is not None:
                    self.recordings[interaction_id] = now
            assert page["next"] >= self.since or self.since >= 1 << 38  # it is large while the copy begins
            self.since = page["next"]
            if page["complete"] and was_over:
                return


@dataclass
class Writer:
    """Changes the archive. What was acknowledged is in `acknowledged`."""

    line: Line
    accounts: Accounts
    acknowledged: set[int] = field(default_factory=set)
    comments: list[tuple[int, int]] = field(default_factory=list)
    destroyed: set[int] = field(default_factory=set)
    done: int = 0

    def write_on(self, is_over: Callable[[], bool]) -> None:
        self._ingest()
        while not is_over():
            one = self.line.chance.choice(sorted(self.acknowledged))
            changes: list[Callable[[], object]] = [
                self._ingest,
                self._ingest,
                lambda: self._transcribe(one),  # noqa: B023
                lambda: self._comment(one),  # noqa: B023
                self._withdraw,
                lambda: self._destroy(one),  # noqa: B023
            ]
            self.line.chance.choice(changes)()
            self.done += 1

    def goes_on_until(self, changes: int, work: list[Future[None]]) -> None:
        """Wait until so many changes are made in all, or until something that works at it has failed."""
        until(lambda: self.done >= changes or any(one.done() for one in work), "changes are made", seconds=60)

    def write_last(self, copied: dict[int, dict[str, Any]]) -> None:
        """Change recordings that the copy has, each once and in one way: nothing else makes it read them."""
        first = len(self.acknowledged) + 1
        ids = [self._ingest() for _ in range(9)]
        until(lambda: set(ids) <= copied.keys(), "the copy has all recordings")
        plain = [number for number in range(first, first + 9) if number % 3 == 0]
        with_media = next(number for number in range(first, first + 9) if number % 3)
        self._destroy(ids[with_media - first])
        self._transcribe(plain[0])
        self._comment(ids[plain[1] - first])
        late = {"media": ("a.wav", tone(0.2))}
        given = self.line.ask("PUT", f"/ingest/recording/call-{plain[2]}/media", files=late)
        assert given.is_success, given.text

    def _ingest(self) -> int:
        number = len(self.acknowledged) + 1
        day = DAYS[number % len(DAYS)]
        metadata = call(thirdPartyId=f"call-{number}", startDatetimeUTC=f"2026-05-{day}T10:30:00Z")
        files: dict[str, Any] = {"metadata": (None, json.dumps(metadata))}
        if number % 3:
            files["media"] = ("a.wav", tone(0.1, hertz=200 + number))
        answer = self.line.ask("POST", "/ingest/recording", files=files)
        assert answer.is_success, answer.text
        interaction_id: int = answer.json()["interactionId"]
        self.acknowledged.add(interaction_id)
        return interaction_id

    def _transcribe(self, number: int) -> None:
        said = transcript(f"Sell {number}.")
        self.line.ask("PUT", f"/ingest/recording/call-{number}/transcript", json=said)

    def _comment(self, one: int) -> None:
        body = {"recordingId": one, "comment": f"At {self.done}."}
        self.comments.append((one, self.line.post("/client/recording/comment", body)["commentId"]))

    def _withdraw(self) -> None:
        if self.comments:
            one, comment_id = self.comments.pop()
            params = {"recordingId": one, "cIdf": comment_id}
            self.line.ask("DELETE", "/client/recording/comment", params=params)

    def _destroy(self, one: int) -> None:
        """Destroy a key as `earwitness key destroy` does, in a process that is not the server's."""
        with suppress(Problem):  # it has no media, or none any more
            key_rotation.destroy(self.accounts.open(CLIENT_ID), one, action("key destroy", "Destroy key"))
            self.destroyed.add(one)


def test_a_naive_copy_is_exact_at_the_end(settings: Settings) -> None:
    credentials = administrator(settings)
    working = replace(settings, jobs=True, token_minutes=1)
    lines = [Line(working, credentials, random.Random(number)) for number in (1, 2)]
    accounts = Accounts(settings)
    writer, replica = Writer(lines[0], accounts), Replica(lines[1])
    has_written, writes_enough = threading.Event(), threading.Event()
    with ThreadPoolExecutor() as threads:
        work: list[Future[None]] = []
        for life in range(KILLS + 1):
            with server(working, credentials) as running:
                lead_to(running, lines)
                if not work:
                    keep_for_a_day(lines[0])
                    work = [
                        threads.submit(writer.write_on, writes_enough.is_set),
                        threads.submit(replica.follow, has_written.is_set),
                    ]
                writer.goes_on_until((life + 1) * WRITES_BETWEEN_KILLS, work)
                if life < KILLS:
                    os.killpg(running.process.pid, signal.SIGKILL)
                    continue
                writes_enough.set()
                work[0].result(60)
                writer.write_last(replica.recordings)
                has_written.set()
                work[1].result(60)
                check(replica, writer)
    accounts.close()
    for line in lines:
        line.client.close()
    assert all(line.faults for line in lines)
    assert all(line.sign_ins > 1 for line in lines)


def lead_to(running: Server, lines: list[Line]) -> None:
    for line in lines:
        line.base_url = str(running.client.base_url).rstrip("/")


def keep_for_a_day(line: Line) -> None:
    """Let recordings of May be destroyed in December."""
    kept = line.ask("PUT", "/admin/retentionGroup/accountDefault", json={"retentionGroup": {"default": 1}})
    assert kept.is_success, kept.text


def check(replica: Replica, writer: Writer) -> None:
    """The copy has what there is, nothing else, and the hashes of its days are those of the archive."""
    line = replica.line
    page = line.post("/client/recording.search", {"pageSize": 1000})
    there = {one["interactionId"]: one for one in page["recordings"]}
    assert writer.acknowledged <= set(there)
    assert set(replica.recordings) == set(there)
    for interaction_id, one in there.items():
        assert replica.recordings[interaction_id] == line.read(interaction_id, one["thirdPartyId"])
    assert writer.destroyed
    assert {replica.recordings[one]["media"] for one in writer.destroyed} == {None}
    versions: dict[str, dict[int, str]] = {}
    for interaction_id, one in there.items():
        of_day = versions.setdefault(one["startDatetimeUTC"][:10], {})
        of_day[interaction_id] = replica.recordings[interaction_id]["version"]
    assert line.post("/client/reconciliation", {}) == [
        {"day": day, "count": len(of_day), "sha256": hash_of(of_day)}
        for day, of_day in sorted(versions.items())
    ]
