"""A withheld address names nobody: a person named with it is linked in that recording only."""

from typing import Any

import pytest

from earwitness.ingest.sources.file_names import CallFacts
from earwitness.ingest.sources.subjects import Subjects
from earwitness.kernel.rights import Right
from tests.firm import Firm, endpoint, person

JANE, MARK = person("Jane Smith"), person("Mark Reed")
DESK = endpoint("447896423595", subject=True)
SPELLINGS = ["", "anonymous", "Unknown", "-1", "0", "sip:anonymous@anonymous.invalid", "número privado"]


def call_from(firm: Firm, third_party_id: str, value: str, **others: Any) -> None:
    firm.ingest(thirdPartyId=third_party_id, endpoints=[DESK, endpoint(value, originator=True, **others)])


def callers(firm: Firm) -> dict[str, Any]:
    page = firm.post("/client/recording.search", {"startTimeDirection": "ASC"})
    return {one["thirdPartyId"]: one["endpoints"][1] for one in page["recordings"]}


def withheld_id(firm: Firm, kind: str = "phone") -> int:
    [found] = firm.post("/client/people/endpoint/get", [{"type": kind, "endpoint": "anonymous"}])
    id_: int = found["id"]
    return id_


def test_all_values_of_a_withheld_address_are_one_endpoint_of_its_type(firm: Firm) -> None:
    for number, value in enumerate(SPELLINGS):
        call_from(firm, f"call-{number}", value)
    call_from(firm, "teams", "anonymous", kind="teamsUserId")
    shown = [one["endpoint"] for one in callers(firm).values()]
    phone, teams = withheld_id(firm), withheld_id(firm, "teamsUserId")
    assert shown == [{"id": phone, "type": "phone", "endpoint": "withheld"}] * len(SPELLINGS) + [
        {"id": teams, "type": "teamsUserId", "endpoint": "withheld"}
    ]
    for asked in ("anonymous", "withheld", "with"):
        found = firm.post("/client/people/endpoint/search", {"endpointSearch": asked})
        assert [one["id"] for one in found] == [phone, teams]
    assert len(firm.search(endpointIds={"include": [phone]})) == len(SPELLINGS)


def test_a_person_named_with_a_withheld_address_is_linked_in_that_recording_only(firm: Firm) -> None:
    call_from(firm, "before", "anonymous")
    call_from(firm, "jane", "unknown", person=JANE)
    call_from(firm, "mark", "", person=MARK)
    call_from(firm, "after", "anonymous")
    names = {name: one["person"]["fullName"] for name, one in callers(firm).items()}
    assert names == {"before": "", "jane": "Jane Smith", "mark": "Mark Reed", "after": ""}
    [found] = firm.post("/client/people/endpoint/search", {"endpointSearch": "withheld"})
    assert found["ownedByFullName"] == ""
    assert firm.search(freeText="jane") == ["jane"]


def test_a_user_limited_to_a_person_sees_no_calls_of_unknown_callers(firm: Firm) -> None:
    call_from(firm, "jane", "anonymous", person=JANE)
    call_from(firm, "stranger", "anonymous")
    [jane] = firm.post("/client/people.search", {"freeText": "Jane"})["persons"]
    firm.post("/admin/accessPolicy", {"name": "of Jane", "personIds": [jane["id"]]})
    firm.add_user("jane", [Right.RECORDING_VIEW], person_id=jane["id"])
    user_id = firm.add_user("limited", [Right.RECORDING_VIEW])
    assert firm.call("PUT", f"/admin/user/{user_id}", {"policies": ["of Jane"]}).is_success
    assert firm.search(as_user="limited") == ["jane"]
    assert firm.search(as_user="jane", isPrivate=True) == []


def test_an_email_that_names_nobody_identifies_no_person(firm: Firm) -> None:
    stranger = {"fullName": "Anonymous", "email": "anonymous@anonymous.invalid"}
    call_from(firm, "one", "447700900111", person=stranger)
    call_from(firm, "other", "447700900112", person=stranger)
    assert [one["person"]["id"] for one in callers(firm).values()] == [None, None]


def test_nobody_can_become_the_owner_of_a_withheld_address(firm: Firm) -> None:
    call_from(firm, "call", "anonymous", person=JANE)
    path = f"/admin/endpoint/{withheld_id(firm)}"
    refused = firm.call("PUT", path, {"ownedByPersonId": 1})
    assert (refused.status_code, "no person can own" in refused.json()["detail"]) == (409, True)
    refused = firm.call("PUT", path, {"isPrivate": True})
    assert (refused.status_code, "every stranger" in refused.json()["detail"]) == (409, True)
    assert firm.call(
        "PUT", path, {"label": "Strangers", "isPrivate": False, "ownedByPersonId": None}
    ).is_success
    for value in ("unknown", "0", ""):
        body = {"endpoints": [{"type": "phone", "endpoint": value}]}
        for refused in (
            firm.call("PUT", "/admin/person/1", body),
            firm.call("POST", "/admin/person", {"fullName": "Mark", **body}),
        ):
            assert refused.status_code == 400
            assert refused.json()["errors"][0]["path"] == "endpoints[0].endpoint"
        refused = firm.call(
            "POST", "/admin/endpoint", {"type": "phone", "endpoint": value, "ownedByPersonId": 1}
        )
        assert (refused.status_code, refused.json()["errors"][0]["path"]) == (400, "endpoint")


def test_calls_between_unknown_callers_and_a_desk_are_found(firm: Firm) -> None:
    call_from(firm, "stranger", "restricted")
    call_from(firm, "known", "447700900111")
    desk = callers(firm)  # the desk is the other participant
    between = {"first": {"endpointIds": [1]}, "second": {"endpointIds": [desk["stranger"]["endpoint"]["id"]]}}
    assert firm.search(communicationsBetween=between) == ["stranger"]


@pytest.mark.parametrize("value", ["", "anonymous"])
def test_a_call_in_progress_of_an_unknown_caller_is_shown(firm: Firm, value: str) -> None:
    told = {
        "thirdPartyId": "live",
        "endpoint": {"type": "phone", "endpoint": "447896423595"},
        "otherEndpoint": {"type": "phone", "endpoint": value},
    }
    firm.post("/ingest/call/start", told)
    [desk] = firm.post("/client/people/endpoint/search", {"isCurrentlyRecorded": True})
    assert desk["inflightCall"]["otherEndpoint"] == {"type": "phone", "endpoint": "withheld"}


@pytest.mark.parametrize(
    ("own", "called"), [("0", "0207946001"), ("+44", "00442079460018"), ("w", "west-wing")]
)
def test_a_withheld_caller_is_not_a_number_of_the_firm(own: str, called: str) -> None:
    for value in ("anonymous", "withheld", "", None, "-1", "0"):
        assert Subjects(own=(own,)).of(CallFacts(caller=value, called=called)) == [False, True]
