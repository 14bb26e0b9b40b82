"""One recording is found by every spelling of its number, through every call that takes one."""

from typing import Any

import pytest

from earwitness.kernel.rights import Right
from tests.archive.spelling.test_addresses import SAME
from tests.firm import Firm, endpoint, person

NUMBER = "442079460018"
SEARCH, GET = "/client/people/endpoint/search", "/client/people/endpoint/get"


@pytest.fixture
def desk(firm: Firm) -> Firm:
    firm.ingest(thirdPartyId="desk", endpoints=[endpoint(NUMBER, subject=True)])
    firm.ingest(thirdPartyId="other", endpoints=[endpoint("442079460019", subject=True)])
    firm.ingest(thirdPartyId="inner", endpoints=[endpoint(f"{NUMBER};ext=12", subject=True)])
    return firm


def test_it_is_found_by_every_spelling(desk: Firm) -> None:
    for written in SAME:
        assert set(desk.search(freeText=written)) == {"desk", "inner"}, written
        [got] = desk.post(GET, [{"type": "phone", "endpoint": written}])
        assert desk.search(endpointIds={"include": [got["id"]]}) == ["desk"], written
        for field in ("endpointSearch", "freeText"):
            found = desk.post(SEARCH, {field: written})
            assert [one["id"] for one in found] == [got["id"], 3], (field, written)


@pytest.mark.parametrize(
    "written", [f"{NUMBER};ext=12", "+44 (0)20 7946 0018 x12", "tel:+44-20-7946-0018;ext=12"]
)
def test_an_extension_is_found_by_every_spelling(desk: Firm, written: str) -> None:
    assert desk.search(freeText=written) == ["inner"]
    assert [one["id"] for one in desk.post(GET, [{"type": "phone", "endpoint": written}])] == [3]
    assert [one["id"] for one in desk.post(SEARCH, {"endpointSearch": written})] == [3]


def test_every_spelling_has_the_same_privacy_and_retention(firm: Firm) -> None:
    """Each spelling is the same private endpoint, and has the retention of its owner."""
    firm.ingest(thirdPartyId="first", endpoints=[endpoint(NUMBER, subject=True, person=person("Jane Smith"))])
    group = {"name": "Short", "retentionGroup": {"default": 30}, "peopleIds": [1]}
    assert firm.call("PUT", "/admin/account", {"mayShortenRetention": True}).is_success
    firm.post("/admin/retentionGroup", group)
    assert firm.call("PUT", "/admin/endpoint/1", {"isPrivate": True}).is_success
    firm.add_user("outsider", [Right.RECORDING_VIEW])
    for number, written in enumerate(SAME):
        firm.ingest(thirdPartyId=f"call-{number}", endpoints=[endpoint(written, subject=True)])
    page = firm.post("/client/recording.search", {"isPrivate": True, "pageSize": 1000})
    assert page["total"] == len(SAME)
    told: set[Any] = {
        (one["endpoints"][0]["endpoint"]["id"], one["endpoints"][0]["person"]["id"], one["retentionGroupId"])
        for one in page["recordings"]
    }
    assert told == {(1, 1, 1)}
    assert firm.search(as_user="outsider") == ["first"]


def test_a_call_in_progress_is_at_the_endpoint_however_it_is_written(desk: Firm) -> None:
    for number, written in enumerate(SAME[-12:]):
        told = {"thirdPartyId": f"live-{number}", "endpoint": {"type": "phone", "endpoint": written}}
        desk.post("/ingest/call/start", told)
    assert [one["id"] for one in desk.post(SEARCH, {"isCurrentlyRecorded": True})] == [1]


def test_an_address_is_added_once_and_owned_once_however_it_is_written(desk: Firm) -> None:
    for written in SAME[-6:]:
        refused = desk.call("POST", "/admin/endpoint", {"type": "phone", "endpoint": written})
        assert refused.status_code == 409
    owned = [{"type": "phone", "endpoint": written} for written in SAME]
    added = desk.post("/admin/person", {"fullName": "Jane", "endpoints": owned})
    assert [one["endpoint"] for one in added["endpoints"]] == [NUMBER]
    other = {"fullName": "Mark", "endpoints": [{"type": "phone", "endpoint": "tel:+44-20-7946-0018"}]}
    assert desk.call("POST", "/admin/person", other).status_code == 409


@pytest.mark.parametrize("sent", ["Phone", "PHONE", "phone"])
def test_types_and_directions_are_taken_in_any_case(firm: Firm, sent: str) -> None:
    firm.ingest(thirdPartyId="in", direction="in")
    firm.ingest(thirdPartyId="out", direction="OUT")
    firm.ingest(thirdPartyId="sms", type="sms", message="Hello.", direction="In")
    assert set(firm.search(communicationTypes={"include": [sent]})) == {"in", "out"}
    assert firm.search(communicationTypes={"exclude": [sent]}) == ["sms"]
    assert firm.search(communicationTypes={"include": [sent]}, direction="IN") == ["in"]
    assert firm.search(direction="out") == ["out"]


def test_a_search_token_is_accepted_in_any_case_of_the_filters(firm: Firm) -> None:
    firm.ingest(thirdPartyId="in", direction="In")
    wanted = {"communicationTypes": {"include": ["Phone"]}, "direction": "in"}
    token = firm.post("/client/recording.search", wanted)["recordingsSearchToken"]
    again = {"communicationTypes": {"include": ["phone"]}, "direction": "In", "recordingsSearchToken": token}
    assert firm.post("/client/recording.search", again)["total"] == 1


def test_an_invalid_direction_is_named(firm: Firm) -> None:
    for wrong in ("Inward", "", 1):
        refused = firm.call("POST", "/client/recording.search", {"direction": wrong})
        assert refused.status_code == 400
        assert refused.json()["errors"] == [{"path": "direction", "message": "expected In or Out"}]
