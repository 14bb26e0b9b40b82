"""Whoever changes something keeps its digest, and states in the ledger what was replaced."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, update

from earwitness.api import retention_groups
from earwitness.archive.accounts.accounts import Accounts
from earwitness.archive.integrity.counts import recount_wrong
from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.entity_states import ENTITY_ROWS
from earwitness.archive.ledger.ledger import Action, Entry
from earwitness.archive.media import key_rotation
from earwitness.archive.recordings import collections as collections_of_few
from earwitness.archive.recordings import retention_changes
from earwitness.archive.schema.recordings import legal_holds
from earwitness.archive.schema.work import audit_headers, audit_rows
from earwitness.archive.selections import selected
from earwitness.archive.upkeep import account_work
from earwitness.archive.upkeep.account_work import Pace
from earwitness.cli.demo.filling import fill
from earwitness.ingest.accept import accept_all
from earwitness.ingest.arrivals import Accepted, Arrival
from earwitness.ingest.parsed_metadata import parse_body
from earwitness.ingest.steps.reprocess import queue_again
from earwitness.kernel.settings import Settings
from tests.firm import CLIENT_ID, Firm, call, endpoint, person, tone, transcript
from tests.ingest.steps.test_transcribe import always, choose, let_it_hear
from tests.kept_digests import check_kept

SELECTION, HOLD, PLAYLIST = "/client/recording/selection", "/admin/legalHold", "/admin/playlist"
PERSON, GROUP, TAG, ACCOUNT = "/admin/person", "/admin/retentionGroup", "/admin/tag", "/admin/account"
ENDPOINT, USER, KEY, POLICY = "/admin/endpoint", "/admin/user", "/admin/apiKey", "/admin/accessPolicy"
COMMENT, TAGS = "/client/recording/comment", "/client/recording/tags"

JANE = person("Jane Smith", thirdPartyId="AAD-1")
ACTION = Action("CLI", "earwitness test", "Test", "operator:jane", "")


def rich(number: int) -> dict[str, Any]:
    """The metadata of a call that has all that an ingest can have."""
    return {
        "thirdPartyId": f"rich-{number}",
        "endpoints": [
            endpoint("447896423595", subject=True, person=JANE, user="jane@example.com"),
            endpoint(f"44770090011{number}", originator=True),
        ],
        "tags": ["Gold", "gold", "Silver"],
        "analysis": ["Angry"],
        "conversationPhases": ["question"],
        "dataGroups": {"Department": "Späť"},
        "optional": {"score": 1.5, "whole": 2.0, "large": 1e21, "nested": [{"a": None, "é": True}]},
        "metadata": {"recorder": "sbc-1"},
        "isPrivateReason": "none",
        "transcript": transcript("Hello.", "Good morning."),
    }


class Office:
    """A firm with three calls, of which it keeps all that came with them; and calls of its API."""

    def __init__(self, firm: Firm) -> None:
        self.firm = firm
        self.put(f"{GROUP}/accountDefault", {"default": 10})
        self.ids = [firm.ingest(tone(0.2), **rich(number)) for number in range(3)]
        firm.work()
        self.person: int = self.get(PERSON)[0]["id"]

    def call(self, method: str, path: str, body: Any = None, **given: Any) -> Any:
        response = self.firm.call(method, path, body, **given)
        assert response.is_success, response.text
        return response.json()

    def get(self, path: str) -> Any:
        return self.call("GET", path)

    def post(self, path: str, body: Any) -> Any:
        return self.call("POST", path, body)

    def put(self, path: str, body: Any = None, **given: Any) -> Any:
        return self.call("PUT", path, body, **given)

    def delete(self, path: str) -> Any:
        return self.call("DELETE", path)

    def work(self) -> None:
        """Do the account's jobs, and look after each batch."""
        while account_work.go_on(self.firm.archive, "one", Pace()) is not None:
            check_kept(self.firm.archive)
        self.firm.work()


def ingest(office: Office) -> None:
    office.firm.ingest(**rich(4))
    office.firm.ingest(type="sms", message="Späť.", thirdPartyId="sms", rawSmsIds=["7"])
    office.firm.ingest(thirdPartyId="plain")


def media_without_times(office: Office) -> None:
    """How long it is, and until when it is kept, is known when it has been measured."""
    metadata = {"thirdPartyId": "new", "type": "phone", "startDatetimeUTC": "2026-05-12T10:30:00Z"}
    sent = office.firm.send({**metadata, "endpoints": [endpoint("1", subject=True)]}, tone(0.5))
    assert sent.is_success, sent.text
    office.work()


def late_additions(office: Office) -> None:
    office.firm.ingest(thirdPartyId="late")
    office.put("/ingest/recording/late/transcript", transcript("Hello\0 there."))
    office.put("/ingest/recording/late/media", files={"media": ("a.wav", tone(0.5))})


def codec(office: Office) -> None:
    office.firm.ingest(b"\1\2\3" * 400, thirdPartyId="raw")
    office.firm.work()
    office.put("/ingest/recording/raw/codec", {"codec": "pcm_s16le", "sampleRate": 8000, "channels": 1})


def transcription(office: Office) -> None:
    choose(office.firm, "pocketsphinx")
    office.firm.ingest(tone(0.5), thirdPartyId="unheard")
    office.firm.work()
    check_kept(office.firm.archive)
    office.put("/ingest/recording/unheard/transcript", transcript("Sell."))


def reprocessing(office: Office) -> None:
    with office.firm.archive.write() as connection:
        queue_again(connection)


def destroyed_key(office: Office) -> None:
    key_rotation.destroy(office.firm.archive, office.ids[0], ACTION)


def comments(office: Office) -> None:
    sent = {"recordingId": office.ids[0], "comment": "A", "tag": "Passing"}
    comment = office.post(COMMENT, sent)["commentId"]
    office.post(COMMENT, {"recordingId": office.ids[0], "comment": "B", "endOffsetInSeconds": 1.5})
    office.delete(f"{COMMENT}?recordingId={office.ids[0]}&cIdf={comment}")
    check_kept(office.firm.archive)
    passing = next(one["id"] for one in office.get(TAG) if one["tag"] == "Passing")
    office.delete(f"{TAG}/{passing}")


def tags(office: Office) -> None:
    office.put(TAGS, {"recordingId": office.ids[0], "tags": ["New", "Gold"]})
    office.put(TAGS, {"recordingId": office.ids[1], "tags": []})
    new = office.post(TAG, {"tag": "Unused"})["id"]
    office.put(f"{TAG}/{new}", {"tag": "Used"})


def collections(path: str) -> Callable[[Office], None]:
    def change(office: Office) -> None:
        id_ = office.post(path, {"name": "One", "interactionIds": office.ids[:2]})["id"]
        office.put(f"{path}/{id_}", {"name": "Two", "interactionIds": office.ids[1:]})
        added = {"addInteractionIds": office.ids[:1], "removeInteractionIds": office.ids[1:2]}
        office.put(f"{path}/{id_}", added)
        check_kept(office.firm.archive)
        office.delete(f"{path}/{id_}")

    return change


def selections(office: Office) -> None:
    hold = office.post(HOLD, {"name": "One"})["id"]
    playlist = office.post(PLAYLIST, {"name": "One"})["id"]
    office.post(SELECTION, {"filters": {}, "addTags": ["Many"], "removeTags": ["Gold"]})
    office.post(SELECTION, {"filters": {}, "legalHoldId": hold, "playlistId": playlist})
    office.work()
    office.put(f"{HOLD}/{hold}", {"interactionIds": []})
    office.delete(f"{PLAYLIST}/{playlist}")
    office.work()


def retention(office: Office) -> None:
    days, theirs = {"default": 30}, [office.person]
    first = office.post(GROUP, {"name": "G", "retentionGroup": days, "peopleIds": theirs})["id"]
    office.put(f"{GROUP}/{first}", {"retentionGroup": {"default": 60}})
    second = office.post(GROUP, {"name": "H", "retentionGroup": {"default": 90}})["id"]
    office.put(f"{PERSON}/{office.person}", {"retentionGroupId": second})
    office.work()
    check_kept(office.firm.archive)
    office.put(ACCOUNT, {"mayShortenRetention": True})
    office.delete(f"{GROUP}/{second}")
    office.put(f"{GROUP}/accountDefault", {"default": 5})
    office.work()


def people(office: Office) -> None:
    new = office.post(PERSON, {"fullName": "Ada", "endpoints": [{"type": "phone", "endpoint": "5"}]})["id"]
    team = [{"groupName": "Team", "groupValue": "A"}]
    office.put(f"{PERSON}/{new}", {"email": "ada@example.com", "autoGroupAssignment": team})
    office.put(f"{PERSON}/{new}", {"endpoints": [{"type": "email", "endpoint": "ada@example.com"}]})
    office.put(f"{PERSON}/{office.person}", {"fullName": "Jane Doe"})
    office.delete(f"{PERSON}/{new}")


def endpoints(office: Office) -> None:
    new = office.post(ENDPOINT, {"type": "phone", "endpoint": "6"})["id"]
    office.put(f"{ENDPOINT}/{new}", {"ownedByPersonId": office.person, "isPrivate": True})
    office.delete(f"{ENDPOINT}/{new}")
    begun = {"thirdPartyId": "now", "endpoint": {"type": "phone", "endpoint": "0044 1"}}
    office.post("/ingest/call/start", begun)


def users(office: Office) -> None:
    policy = office.post(POLICY, {"name": "P", "communicationTypes": ["phone"]})["id"]
    office.put(f"{POLICY}/{policy}", {"name": "Q"})
    user = office.post(USER, {"username": "ada@example.com", "rolesAndRights": ["Recorder"]})["id"]
    key = office.post(KEY, {"userId": user})["id"]
    office.put(f"{USER}/{user}", {"policies": ["Q"], "rolesAndRights": ["Standard User"]})
    office.delete(f"{KEY}/{key}")
    office.post(KEY, {"userId": user})
    office.delete(f"{USER}/{user}")


def recounting(office: Office) -> None:
    """What is worked out from other tables is corrected without an action."""
    hold = office.post(HOLD, {"name": "One", "interactionIds": office.ids})["id"]
    with office.firm.archive.write() as connection:
        connection.execute(update(legal_holds).values(recordings=7))
    assert recount_wrong(office.firm.archive) == (0, 1)
    assert office.get(f"{HOLD}/{hold}")["total"] == len(office.ids)


WRITERS: dict[str, Callable[[Office], None]] = {
    "ingest": ingest,
    "media without times": media_without_times,
    "late additions": late_additions,
    "codec": codec,
    "transcription": transcription,
    "reprocessing": reprocessing,
    "a destroyed key": destroyed_key,
    "comments": comments,
    "tags": tags,
    "legal holds": collections(HOLD),
    "playlists": collections(PLAYLIST),
    "selections": selections,
    "retention": retention,
    "people": people,
    "endpoints": endpoints,
    "users": users,
    "recounting": recounting,
}
"""Each family of writers. A new one needs its row here."""


@pytest.mark.parametrize("name", WRITERS)
def test_what_is_written_is_in_the_ledger_with_its_digests(
    firm: Firm, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_it_hear(monkeypatch, always("Hello."))
    state_users(firm)
    office = Office(firm)
    check_kept(firm.archive)
    WRITERS[name](office)
    check_kept(firm.archive)
    firm.work()
    check_kept(firm.archive)


@pytest.mark.parametrize("name", ["selections", "retention"])
def test_jobs_do_the_same_a_batch_at_a_time(firm: Firm, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention_changes, "MOST_AT_ONCE", 0)
    monkeypatch.setattr(retention_groups, "MOST_MOVED_AT_ONCE", 0)
    monkeypatch.setattr(selected, "CHANGED_AT_ONCE", 0)
    monkeypatch.setattr(collections_of_few, "CHANGED_AT_ONCE", 0)
    state_users(firm)
    office = Office(firm)
    WRITERS[name](office)
    office.work()
    check_kept(firm.archive)


def test_those_that_arrive_together_have_rows_under_their_own_actions(firm: Firm) -> None:
    """What they share is told of with the first that names it."""
    state_users(firm)
    actions = [replace(ACTION, username=name) for name in ("first", "second")]
    arrivals = [
        Arrival(parse_body(json.dumps(call(**rich(number))).encode(), has_media=False), action)
        for number, action in enumerate(actions)
    ]
    with firm.archive.write() as connection:
        outcomes = accept_all(connection, firm.archive, arrivals)
    assert [isinstance(one, Accepted) for one in outcomes] == [True, True]
    check_kept(firm.archive)
    with firm.archive.read() as connection:
        kinds = {
            name: connection.scalars(
                select(audit_rows.c.entity_name)
                .join(audit_headers, audit_headers.c.id == audit_rows.c.audit_header_id)
                .where(audit_headers.c.username == name)
                .order_by(audit_rows.c.id)
            ).all()
            for name in ("first", "second")
        }
    came = ["Endpoint", "Person", "Endpoint", "Tag", "Tag"]
    assert kinds == {"first": ["Recording", *came], "second": ["Recording", "Endpoint"]}


def test_the_demo_is_in_the_ledger(settings: Settings) -> None:
    accounts = Accounts(settings)
    archive = accounts.open(CLIENT_ID)
    fill(archive)
    check_kept(archive)
    accounts.close()


def state_users(firm: Firm) -> None:
    """State what the tests' firm begins with: its user and key were added without an action."""
    with firm.archive.write() as connection:
        entries = [
            Entry(id_, name)
            for name in ("User", "ApiKey")
            for id_ in connection.scalars(select(ENTITY_ROWS[name].table.c.id))
        ]
        ledger.append(connection, ACTION, entries)
