"""A copy compares days by counts and hashes, which change when the feed tells a change, and only then."""

from collections.abc import Callable
from typing import Any

import pytest

from earwitness.kernel.rights import Right
from tests.api.changes.changing import change_recording, destroy
from tests.api.changes.following import Copy, hash_of
from tests.firm import ADMIN, Firm, tone, transcript

RECONCILIATION = "/client/reconciliation"
READER = "reader@example.com"


def reconcile(firm: Firm, as_user: str = ADMIN, **wanted: Any) -> list[dict[str, Any]]:
    days: list[dict[str, Any]] = firm.post(RECONCILIATION, wanted, as_user=as_user)
    return days


def test_each_day_has_the_hash_that_a_copy_computes(firm: Firm) -> None:
    for number, day in enumerate((12, 11, 12, 14, 11, 12)):
        firm.ingest(thirdPartyId=f"call-{number}", startDatetimeUTC=f"2026-05-{day}T10:3{9 - number}:00Z")
    versions = Copy(firm).versions()
    of_days = {"2026-05-11": (2, 5), "2026-05-12": (1, 3, 6), "2026-05-14": (4,)}
    assert reconcile(firm) == [
        {"day": day, "count": len(ids), "sha256": hash_of({one: versions[one] for one in ids})}
        for day, ids in of_days.items()
    ]
    window = {"from": "2026-05-12T00:00:00Z", "to": "2026-05-12T10:38:00Z"}
    (some,) = reconcile(firm, dateTimeRange=window)
    assert some["sha256"] == hash_of({one: versions[one] for one in (3, 6)})
    assert reconcile(firm, communicationTypes={"include": ["sms"]}) == []


def test_days_are_those_of_the_time_zone_also_where_clocks_are_put_back(firm: Firm) -> None:
    starts = (
        "2026-05-12T22:30:00Z",
        "2026-05-12T23:30:00Z",
        "2010-11-07T02:30:30Z",  # in St. John's 00:00:30 on the 7th, before clocks went back to 23:01
        "2010-11-07T02:45:00Z",  # 23:15 on the 6th
        "2010-11-07T04:00:00Z",
    )
    for number, start in enumerate(starts):
        firm.ingest(thirdPartyId=f"call-{number}", startDatetimeUTC=start)
    assert [(one["day"], one["count"]) for one in reconcile(firm, timeZone="Europe/London")] == [
        ("2010-11-07", 3),
        ("2026-05-12", 1),
        ("2026-05-13", 1),
    ]
    assert [(one["day"], one["count"]) for one in reconcile(firm, timeZone="America/St_Johns")] == [
        ("2010-11-06", 1),
        ("2010-11-07", 2),
        ("2026-05-12", 2),
    ]


@pytest.mark.parametrize(
    ("wanted", "named"),
    [
        ({"timeZone": "Mars/Olympus"}, "timeZone"),
        ({"page": 1}, "page"),
        ({"recordingIds": {"include": [0]}}, "recordingIds.include[0]"),
    ],
)
def test_what_it_cannot_be_asked_is_refused_by_name(firm: Firm, wanted: dict[str, Any], named: str) -> None:
    refused = firm.call("POST", RECONCILIATION, wanted)
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (400, named)


CHANGES: dict[str, Callable[[Firm, int], Any]] = {
    "a comment": lambda firm, one: firm.post(
        "/client/recording/comment", {"recordingId": one, "comment": "Looked at."}
    ),
    "a transcript": lambda firm, _: firm.call(
        "PUT", "/ingest/recording/call-1/transcript", transcript("Sell the bonds.")
    ),
    "media": lambda firm, _: firm.client.put(
        "/api/ingest/recording/call-1/media",
        files={"media": ("a.wav", tone(0.1))},
        headers=firm.headers(),
    ),
    "privacy": lambda firm, one: change_recording(firm, one, is_private_reason="A family matter."),
    "source": lambda firm, one: change_recording(firm, one, metadata={"desk": "7"}),
    "destruction": lambda firm, one: destroy(firm, one),
    "nothing": lambda firm, one: firm.post("/client/recording.detail.get", {"interactionIds": [one]}),
    "another recording of the day": lambda firm, _: firm.ingest(thirdPartyId="call-3"),
}
TOLD_TO_READERS = {"media", "privacy", "source", "destruction", "another recording of the day"}


@pytest.mark.parametrize("change", CHANGES)
def test_the_hash_changes_when_and_only_when_the_feed_tells_a_change(firm: Firm, change: str) -> None:
    firm.add_user(READER, [Right.RECORDING_VIEW])
    one = firm.ingest(thirdPartyId="call-1")
    firm.ingest(thirdPartyId="call-2")
    users = (ADMIN, READER)
    copies = {user: Copy(firm, user) for user in users}
    before = {user: (copies[user].has(), reconcile(firm, user)) for user in users}
    CHANGES[change](firm, one)
    for user in users:
        is_told = change != "nothing" and (user == ADMIN or change in TOLD_TO_READERS)
        assert bool(copies[user].catch_up()) == is_told
        assert (reconcile(firm, user) != before[user][1]) == is_told
        (day,) = reconcile(firm, user)
        assert day["sha256"] == hash_of(copies[user].versions())


def test_users_with_the_same_rights_have_the_same_versions(firm: Firm) -> None:
    rights = [Right.RECORDING_VIEW, Right.RECORDING_COMMENT_VIEW]
    for name in ("one", "two"):
        firm.add_user(name, rights)
    firm.add_user(READER, [Right.RECORDING_VIEW])
    one = firm.ingest(thirdPartyId="call-1", transcript=transcript("Sell the bonds."))
    firm.post("/client/recording/comment", {"recordingId": one, "comment": "Looked at."})
    assert reconcile(firm, "one") == reconcile(firm, "two") != reconcile(firm, READER)


def test_what_the_user_may_not_see_is_in_no_day(firm: Firm) -> None:
    firm.add_user(READER, [Right.RECORDING_VIEW])
    firm.ingest(thirdPartyId="call-1")
    before = reconcile(firm, READER)
    firm.ingest(thirdPartyId="call-2", isPrivate=True)
    firm.ingest(thirdPartyId="call-3", isPrivate=True, startDatetimeUTC="2026-05-14T10:30:00Z")
    assert reconcile(firm, READER) == before
    assert [one["count"] for one in reconcile(firm)] == [2, 1]
