"""Live calls: their start, their end, and who sees them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from earwitness.archive.schema.people import access_policies, user_policies
from earwitness.kernel.rights import Right
from tests.firm import Firm, endpoint

DESK = {"type": "phone", "endpoint": "+44 7896 423595"}
OTHER = {"type": "phone", "endpoint": "+44 7700 900111"}


def ago(**parts: int) -> str:
    return (datetime.now(UTC) - timedelta(**parts)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def start(firm: Firm, third_party_id: str = "live-1", **fields: Any) -> Any:
    body = {"thirdPartyId": third_party_id, "endpoint": DESK, **fields}
    return firm.call("POST", "/ingest/call/start", body)


def end(firm: Firm, third_party_id: str = "live-1") -> Any:
    return firm.call("POST", "/ingest/call/end", {"thirdPartyId": third_party_id})


def live(firm: Firm, *, as_user: str = "admin@example.com") -> Any:
    """The call that is shown at the desk, or None."""
    wanted = {"endpointSearch": "447896423595"}
    [desk] = firm.post("/client/people/endpoint/search", wanted, as_user=as_user)
    only_live = firm.post("/client/people/endpoint/search", {"isCurrentlyRecorded": True}, as_user=as_user)
    assert desk["isCurrentlyRecorded"] is (desk["inflightCall"] is not None) is (desk in only_live)
    return desk["inflightCall"]


def limit(firm: Firm, username: str, **conditions: Any) -> None:
    """Add a user who sees endpoints and, of recordings, what meets these conditions."""
    user_id = firm.add_user(username, [Right.ENDPOINTS_VIEW])
    with firm.archive.write() as connection:
        policy = insert(access_policies).values(name=username, conditions=conditions)
        policy_id = connection.execute(policy.returning(access_policies.c.id)).scalar_one()
        connection.execute(insert(user_policies).values(user_id=user_id, access_policy_id=policy_id))


def test_a_call_is_seen_at_its_endpoint_from_its_start_to_its_end(firm: Firm) -> None:
    began = ago(minutes=3)
    assert start(firm, otherEndpoint=OTHER, direction="In", startDatetimeUTC=began).json() == {
        "thirdPartyId": "live-1",
        "startDatetimeUTC": began,
    }
    assert live(firm) == {
        "thirdPartyId": "live-1",
        "direction": "In",
        "startDatetimeUTC": began,
        "otherEndpoint": {"type": "phone", "endpoint": "447700900111"},
    }
    assert end(firm).json() == {"thirdPartyId": "live-1"}
    assert live(firm) is None


def test_a_call_without_a_start_time_began_now(firm: Firm) -> None:
    before = ago()
    assert start(firm).is_success
    call = live(firm)
    assert (call["direction"], call["otherEndpoint"]) == (None, None)
    assert before <= call["startDatetimeUTC"]


def test_reporting_a_start_again_changes_nothing(firm: Firm) -> None:
    began = start(firm, direction="In").json()["startDatetimeUTC"]
    again = start(firm, direction="In")
    assert (again.status_code, again.json()["startDatetimeUTC"]) == (200, began)
    assert start(firm, direction="In", startDatetimeUTC=began).status_code == 200
    assert end(firm).is_success
    assert live(firm) is None


def test_another_call_with_the_same_id_is_refused(firm: Firm) -> None:
    start(firm, direction="In")
    before = live(firm)
    for different in (
        {"direction": "Out"},
        {"endpoint": OTHER, "direction": "In"},
        {"direction": "In", "startDatetimeUTC": ago(hours=1)},
    ):
        assert start(firm, **different).status_code == 409
    assert live(firm) == before


def test_of_several_calls_the_latest_is_shown(firm: Firm) -> None:
    start(firm, "first", startDatetimeUTC=ago(minutes=1))
    start(firm, "earlier", startDatetimeUTC=ago(minutes=9))
    assert live(firm)["thirdPartyId"] == "first"
    end(firm, "first")
    assert live(firm)["thirdPartyId"] == "earlier"


def test_an_end_without_a_start_is_not_found(firm: Firm) -> None:
    assert end(firm, "never").status_code == 404
    start(firm)
    end(firm)
    assert end(firm).status_code == 404


def test_a_call_whose_end_is_not_reported_is_over_after_a_day(firm: Firm) -> None:
    start(firm, "old", startDatetimeUTC=ago(hours=24, minutes=1))
    assert live(firm) is None
    assert end(firm, "old").status_code == 404
    start(firm, "old", startDatetimeUTC=ago(hours=23))
    assert live(firm)["thirdPartyId"] == "old"


def test_the_recording_of_a_call_ends_it(firm: Firm) -> None:
    start(firm, "call-1")
    start(firm, "call-2", startDatetimeUTC=ago(minutes=5))
    firm.ingest(thirdPartyId="call-1")
    assert live(firm)["thirdPartyId"] == "call-2"
    assert end(firm, "call-1").status_code == 404


def test_a_start_that_comes_after_its_recording_shows_no_call(firm: Firm) -> None:
    firm.ingest(thirdPartyId="call-1")
    assert start(firm, "call-1").status_code == 200
    assert live(firm) is None


def test_a_call_in_progress_adds_an_endpoint_but_no_communication(firm: Firm) -> None:
    start(firm)
    [desk] = firm.post("/client/people/endpoint/search", {"freeText": "447896423595"})
    assert (desk["isRecorded"], desk["mostRecentCommAt"], desk["ownedByFullName"]) == (False, None, "")


@pytest.mark.parametrize("side", ["endpoint", "otherEndpoint"])
def test_a_call_on_a_private_endpoint_is_seen_by_its_owner_and_with_the_right(firm: Firm, side: str) -> None:
    firm.post("/admin/person", {"fullName": "Jane", "endpoints": [DESK]})
    firm.post("/admin/person", {"fullName": "Marcus"})
    private = DESK if side == "endpoint" else OTHER
    shown = firm.call("POST", "/admin/endpoint", {**private, "isPrivate": True})
    if shown.status_code == 409:
        assert firm.call("PUT", "/admin/endpoint/1", {"isPrivate": True}).is_success
    firm.add_user("jane", [Right.ENDPOINTS_VIEW], person_id=1)
    firm.add_user("marcus", [Right.ENDPOINTS_VIEW], person_id=2)
    firm.add_user("outsider", [Right.ENDPOINTS_VIEW])
    firm.add_user("officer", [Right.ENDPOINTS_VIEW, Right.RECORDING_PRIVATE_VIEW])
    start(firm, otherEndpoint=OTHER)
    seen = {name: live(firm, as_user=name) is not None for name in ("jane", "marcus", "outsider", "officer")}
    assert seen == {"jane": True, "marcus": False, "outsider": False, "officer": True}


def test_access_policies_hide_calls_that_they_may_not_let_through(firm: Firm) -> None:
    firm.post("/admin/person", {"fullName": "Jane", "endpoints": [DESK]})
    limit(firm, "of jane", person_ids=[1])
    limit(firm, "of others", person_ids=[2])
    limit(firm, "of phones", communication_types=["phone"])
    limit(firm, "of sms", communication_types=["sms"])
    limit(firm, "of support", data_groups={"Department": ["Support"]})
    start(firm)
    names = ("of jane", "of others", "of phones", "of sms", "of support")
    assert [name for name in names if live(firm, as_user=name)] == ["of jane", "of phones"]


def test_reporting_calls_needs_the_right_to_ingest_and_valid_values(firm: Firm) -> None:
    firm.add_user("viewer", [Right.RECORDING_VIEW, Right.ENDPOINTS_EDIT])
    for path in ("start", "end"):
        refused = firm.call("POST", f"/ingest/call/{path}", {"thirdPartyId": "x"}, as_user="viewer")
        assert (refused.status_code, refused.json()["right"]) == (403, "Recording.Ingest")
    for fields, path in (
        ({"direction": "Sideways"}, "direction"),
        ({"endpoint": {"type": "fax", "endpoint": "1"}}, "endpoint.type"),
        ({"endpoint": None}, "endpoint"),
        ({"startDatetimeUTC": "noon"}, "startDatetimeUTC"),
    ):
        refused = start(firm, **fields)
        assert (refused.status_code, refused.json()["errors"][0]["path"]) == (400, path)


def test_a_participant_that_rang_before_is_the_same_endpoint(firm: Firm) -> None:
    start(firm)
    firm.ingest(endpoints=[endpoint("00447896423595", subject=True)])
    assert firm.post("/client/people/endpoint/search", {"isRecorded": True})[0]["id"] == 1
