"""From the history alone, the original and each interim version are rebuilt, forwards and backwards."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from earwitness.archive.ledger.entity_states import part_of, read_states
from earwitness.archive.ledger.recording_parts import read_parts
from earwitness.archive.schema.recordings import recordings
from tests.firm import Firm, endpoint, person, tone, transcript
from tests.ingest.steps.test_transcribe import always, choose, let_it_hear

HISTORY = "/ledger/history"

Version = dict[str, Any]
"""The parts that a thing has at some moment, as they are stored."""


class Watcher:
    """Looks at one thing after each change, and rebuilds what it saw from the history."""

    def __init__(self, firm: Firm, name: str, id_: int) -> None:
        self._firm = firm
        self._name, self._id = name, id_
        self._seen: list[Version] = [{}, self.look()]

    def look(self) -> Version:
        with self._firm.archive.read() as connection:
            if self._name != "Recording":
                states = read_states(connection, self._name, [self._id])
                return {part_of(self._name): state for state in states.values()}
            this = select(recordings.c.position).where(recordings.c.interaction_id == self._id)
            position = connection.execute(this).scalar_one()
            return read_parts(connection, [position])[position]

    def change(self, method: str, path: str, body: Any) -> Any:
        """Make a call that changes it, with the work that follows, and see what it has become."""
        response = self._firm.call(method, path, body)
        assert response.is_success, response.text
        now = self.look()
        assert now != self._seen[-1], f"{method} {path} changes it"
        self._seen.append(now)
        return response.json()

    def work(self) -> None:
        """Do the work that is queued, which changes it."""
        self._firm.work()
        self._seen.append(self.look())

    def check(self) -> None:
        replaced = self._history()
        version: Version = {}
        rebuilt = [version]
        for _, changes in replaced:
            for one in changes:
                assert version.get(one["part"]) == one["before"]
                version = _with(version, one["part"], one["after"])
            rebuilt.append(version)
        assert rebuilt == self._seen
        version = self.look()
        backwards = [version]
        for _, changes in reversed(replaced):
            for one in changes:
                version = _with(version, one["part"], one["before"])
            backwards.append(version)
        assert backwards[::-1] == self._seen

    def _history(self) -> list[tuple[int, list[dict[str, Any]]]]:
        """What each action replaced, page by page."""
        asked = {"entityName": self._name, "entityId": self._id}
        if self._name == "Recording":
            asked = {"recordingId": self._id}
        by_action: dict[int, list[dict[str, Any]]] = {}
        page = 0
        while rows := self._firm.post(HISTORY, {**asked, "page": (page := page + 1), "pageSize": 3}):
            for row in rows:
                assert not row["withheld"]
                by_action.setdefault(row["auditHeaderId"], []).append(row)
        return list(by_action.items())


def _with(version: Version, part: str, value: Any) -> Version:
    others = {name: one for name, one in version.items() if name != part}
    return others if value is None else {**others, part: value}


def test_every_version_of_a_recording(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    let_it_hear(monkeypatch, always("Heard."))
    choose(firm, "pocketsphinx")
    for days in (10, 20):
        firm.call("PUT", "/admin/account", {"mayShortenRetention": True})
        firm.call("PUT", "/admin/retentionGroup/accountDefault", {"default": days})
    jane = person("Jane", thirdPartyId="AAD-1")
    recording = firm.ingest(
        tone(0.5), tags=["Gold"], endpoints=[endpoint("1", subject=True, person=jane), endpoint("2")]
    )
    it = Watcher(firm, "Recording", recording)
    it.work()  # the engine's transcript
    for tags in (["Gold", "Silver"], []):
        it.change("PUT", "/client/recording/tags", {"recordingId": recording, "tags": tags})
    comment = "/client/recording/comment"
    written = [
        it.change("POST", comment, {"recordingId": recording, "comment": text, "tag": "Late"})["commentId"]
        for text in ("First", "Second")
    ]
    for one in written:
        it.change("DELETE", f"{comment}?recordingId={recording}&cIdf={one}", None)
    for days in (30, 40):
        it.change("PUT", "/admin/retentionGroup/accountDefault", {"default": days})
    for kind in ("legalHold", "playlist"):
        for name in ("A", "B"):
            it.change("POST", f"/admin/{kind}", {"name": name, "interactionIds": [recording]})
        for id_ in (1, 2):
            it.change("DELETE", f"/admin/{kind}/{id_}", None)
    it.change("PUT", "/ingest/recording/call-1/transcript", transcript("Said."))
    it.check()


def test_every_version_of_a_call_whose_end_is_measured(firm: Firm) -> None:
    sent = {"thirdPartyId": "a", "type": "phone", "startDatetimeUTC": "2026-05-12T10:30:00Z"}
    response = firm.send({**sent, "endpoints": [endpoint("1", subject=True)]}, tone(0.5))
    it = Watcher(firm, "Recording", response.json()["interactionId"])
    it.work()
    it.check()


CHANGED: dict[str, tuple[Callable[[Firm], int], str, list[tuple[str, Any]]]] = {
    "Endpoint": (
        lambda firm: _added(firm, "/admin/endpoint", {"type": "phone", "endpoint": "5"}),
        "/admin/endpoint",
        [
            ("PUT", {"ownedByPersonId": 1}),
            ("PUT", {"ownedByPersonId": 2}),
            ("PUT", {"isPrivate": True}),
            ("PUT", {"isPrivate": False}),
            ("DELETE", None),
        ],
    ),
    "Person": (
        lambda firm: _added(firm, "/admin/person", {"fullName": "Ada"}),
        "/admin/person",
        [
            ("PUT", {"fullName": "Ada Byron"}),
            ("PUT", {"fullName": "Ada Lovelace", "email": "ada@example.com"}),
            ("PUT", {"autoGroupAssignment": [{"groupName": "Team", "groupValue": "A"}]}),
            ("PUT", {"autoGroupAssignment": []}),
            ("DELETE", None),
        ],
    ),
    "User": (
        lambda firm: _added(firm, "/admin/user", {"username": "ada", "rolesAndRights": ["Recorder"]}),
        "/admin/user",
        [
            ("PUT", {"rolesAndRights": ["Standard User"]}),
            ("PUT", {"rolesAndRights": ["Compliance", "Recording.Ingest"]}),
            ("PUT", {"fullName": "Ada"}),
            ("PUT", {"fullName": "Ada Byron", "isLocked": True}),
            ("DELETE", None),
        ],
    ),
    "RetentionGroup": (
        lambda firm: _added(firm, "/admin/retentionGroup", {"name": "G", "retentionGroup": {"default": 1}}),
        "/admin/retentionGroup",
        [
            ("PUT", {"retentionGroup": {"default": 2}}),
            ("PUT", {"retentionGroup": {"default": 3, "sms": None}}),
            ("PUT", {"peopleIds": [1, 2]}),
            ("PUT", {"peopleIds": [2]}),
            ("DELETE", None),
        ],
    ),
}


@pytest.mark.parametrize("name", CHANGED)
def test_every_version_of_what_is_no_recording(firm: Firm, name: str) -> None:
    for owner in ("Jane", "Tom"):
        _added(firm, "/admin/person", {"fullName": owner})
    add, path, changes = CHANGED[name]
    id_ = add(firm)
    it = Watcher(firm, name, id_)
    for method, body in changes:
        it.change(method, f"{path}/{id_}", body)
    it.check()


def _added(firm: Firm, path: str, body: Any) -> int:
    id_: int = firm.post(path, body)["id"]
    return id_
