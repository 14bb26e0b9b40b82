"""The feed of changes: everything that happens to a recording, in the order of commits, to who may see it."""

import json
from typing import Any

import pytest
from sqlalchemy import delete, insert

from earwitness.archive.schema.people import LOG_BEGINS, counters
from earwitness.kernel.rights import Right, Role
from tests.api.changes.following import Copy, ask, kinds
from tests.firm import Firm, tone, transcript

COMMENT = "/client/recording/comment"


def test_each_change_has_its_kind_and_the_order_of_what_was_done(firm: Firm) -> None:
    one, two = firm.ingest(thirdPartyId="call-1"), firm.ingest(thirdPartyId="call-2")
    copy = Copy(firm)
    assert copy.catch_up() == [("created", one), ("created", two)]
    firm.post("/admin/tag", {"tag": "Gold"})
    tags = firm.call("PUT", "/client/recording/tags", {"recordingId": two, "tags": ["Gold"]})
    assert tags.is_success, tags.text
    assert firm.client.put(
        "/api/ingest/recording/call-1/media",
        files={"media": ("a.wav", tone(0.1))},
        headers=firm.headers(),
    ).is_success
    firm.call("PUT", "/ingest/recording/call-2/transcript", transcript("Sell the bonds."))
    comment = firm.post(COMMENT, {"recordingId": one, "comment": "Looked at."})["commentId"]
    firm.call("DELETE", COMMENT, params={"recordingId": one, "cIdf": comment})
    assert copy.catch_up() == [
        ("changed", two),
        ("media", one),
        ("transcript", two),
        ("commented", one),
        ("commented", one),
    ]
    assert copy.catch_up() == []


def test_a_recording_is_held_until_it_is_under_no_hold(firm: Firm) -> None:
    one, two = firm.ingest(thirdPartyId="call-1"), firm.ingest(thirdPartyId="call-2")
    copy = Copy(firm)
    copy.catch_up()
    first = firm.post("/admin/legalHold", {"name": "Enquiry 1", "interactionIds": [one, two]})["id"]
    second = firm.post("/admin/legalHold", {"name": "Enquiry 2", "interactionIds": [one]})["id"]
    firm.work()
    assert copy.catch_up() == [("held", one), ("held", two), ("held", one)]
    versions = copy.versions()
    firm.call("DELETE", f"/admin/legalHold/{first}")
    firm.work()
    assert sorted(copy.catch_up()) == [("held", one), ("released", two)]
    firm.call("DELETE", f"/admin/legalHold/{second}")
    firm.work()
    assert copy.catch_up() == [("released", one)]
    assert not set(copy.versions().values()) & set(versions.values())
    firm.post("/admin/playlist", {"name": "For training", "interactionIds": [one]})
    firm.work()
    assert copy.catch_up() == []


def test_a_rule_that_keeps_recordings_longer_changes_them(firm: Firm) -> None:
    default = "/admin/retentionGroup/accountDefault"
    assert firm.call("PUT", default, {"retentionGroup": {"default": 100}}).is_success
    one, two = firm.ingest(thirdPartyId="call-1"), firm.ingest(thirdPartyId="call-2")
    copy = Copy(firm)
    copy.catch_up()
    assert firm.call("PUT", default, {"retentionGroup": {"default": 200}}).is_success
    firm.work()
    assert sorted(copy.catch_up()) == [("changed", one), ("changed", two)]


def test_what_was_answered_before_is_in_the_next_answer(firm: Firm) -> None:
    since = firm.get("/client/changes")["next"]
    for number in range(5):
        one = firm.ingest(thirdPartyId=f"call-{number}")
        answer = firm.get("/client/changes", since=since)
        (change,) = answer["changes"]
        assert (change["kind"], change["interactionId"]) == ("created", one)
        assert change["thirdPartyId"] == f"call-{number}"
        assert answer["complete"]
        since = answer["next"]


def test_pages_of_any_size_tell_the_same(firm: Firm) -> None:
    for number in range(7):
        one = firm.ingest(thirdPartyId=f"call-{number}")
        firm.post(COMMENT, {"recordingId": one, "comment": "Looked at."})
    whole = Copy(firm, since=1).catch_up()
    assert len(whole) == 14
    for limit in (1, 2, 3, 13, 14, 15):
        assert Copy(firm, since=1, limit=limit).catch_up() == whole
        assert Copy(firm, limit=limit).has() == Copy(firm).has()


def test_lines_are_the_same_as_json(firm: Firm) -> None:
    firm.ingest(thirdPartyId="call-1")
    plain = firm.get("/client/changes")
    answer = firm.client.get(
        "/api/client/changes", headers=firm.headers() | {"Accept": "application/x-ndjson"}
    )
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    *changes, end = map(json.loads, answer.text.splitlines())
    assert changes == plain.pop("changes")
    assert end == plain


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"since": -1}, "since"),
        ({"since": "abc"}, "since"),
        ({"since": 10_000}, "since"),
        ({"since": (1 << 38) + 10_000}, "since"),
        ({"since": (1 << 51) + 1}, "since"),
        ({"limit": 0}, "limit"),
        ({"limit": 1001}, "limit"),
        ({"wait": 61}, "wait"),
        ({"until": 1}, "until"),
    ],
)
def test_a_place_that_there_is_not_is_refused(firm: Firm, query: dict[str, Any], named: str) -> None:
    answer = firm.call("GET", "/client/changes", params=query)
    assert answer.status_code == 400, answer.text
    assert [error["path"] for error in answer.json()["errors"]] == [named]


def test_the_feed_needs_the_right_to_see_recordings(firm: Firm) -> None:
    firm.add_user("recorder", [Role.RECORDER])
    refused = firm.call("GET", "/client/changes", as_user="recorder")
    assert (refused.status_code, refused.json()["right"]) == (403, "Recording.View")


def test_what_a_right_does_not_show_is_not_told(firm: Firm) -> None:
    firm.add_user("reader", [Right.RECORDING_VIEW])
    one = firm.ingest(thirdPartyId="call-1")
    copy = Copy(firm, "reader")
    copy.catch_up()
    version = copy.versions()[one]
    firm.call("PUT", "/ingest/recording/call-1/transcript", transcript("Sell the bonds."))
    firm.post(COMMENT, {"recordingId": one, "comment": "Looked at."})
    assert copy.catch_up() == []
    assert copy.versions()[one] == version


def test_until_the_log_has_all_recordings_the_feed_says_so(firm: Firm) -> None:
    firm.ingest(thirdPartyId="call-1")
    with firm.archive.write() as connection:
        connection.execute(insert(counters).values(name=LOG_BEGINS, value=0))
    for answer in (firm.call("GET", "/client/changes"), firm.call("POST", "/client/reconciliation", {})):
        assert (answer.status_code, answer.json()["code"]) == (503, "ledger-begins")
        assert answer.headers["Retry-After"]
    with firm.archive.write() as connection:
        connection.execute(delete(counters).where(counters.c.name == LOG_BEGINS))
    assert kinds(ask(firm)) == [("created", 1)]
