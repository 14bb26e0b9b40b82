"""Endpoints: search and get."""

from typing import Any

import pytest

from earwitness.kernel.rights import Right
from tests.firm import Firm, endpoint, person

SEARCH, GET = "/client/people/endpoint/search", "/client/people/endpoint/get"


@pytest.fixture
def desk(firm: Firm) -> Firm:
    """A support desk (1) of Jané Smith's with her email (2), a free number (3) and a Teams user (4)."""
    owned = [
        {"type": "phone", "endpoint": "+44 7896 423595"},
        {"type": "email", "endpoint": "Jane.Smith@example.com"},
    ]
    firm.post("/admin/person", {"fullName": "Jané Smith", "endpoints": owned})
    firm.call("PUT", "/admin/endpoint/1", {"label": "Support désk"})
    firm.post("/admin/endpoint", {"type": "phone", "endpoint": "447896000999"})
    firm.post("/admin/endpoint", {"type": "teamsUserId", "endpoint": "7B1D2F60-1f2c"})
    return firm


def found(firm: Firm, **wanted: Any) -> list[int]:
    response = firm.call("POST", SEARCH, wanted)
    assert response.status_code == 200, response.text
    assert response.headers["X-Total-Count"] == str(len(response.json()))
    return [one["id"] for one in response.json()]


def test_endpoints_are_shown_as_documented(desk: Firm) -> None:
    desk.ingest(
        startDatetimeUTC="2026-05-12T10:30:00Z",
        endDatetimeUTC="2026-05-12T10:34:21.482Z",
        endpoints=[endpoint("447896423595", subject=True)],
    )
    assert desk.post(SEARCH, {"type": "phone", "endpointSearch": "447896"}) == [
        {
            "id": 1,
            "type": "phone",
            "endpoint": "447896423595",
            "metadata": {"label": "Support désk"},
            "ownedByFullName": "Jané Smith",
            "isPrivate": False,
            "isCurrentlyRecorded": False,
            "isRecorded": True,
            "inflightCall": None,
            "mostRecentCommAt": "2026-05-12T10:34:21.482Z",
        },
        {
            "id": 3,
            "type": "phone",
            "endpoint": "447896000999",
            "metadata": {},
            "ownedByFullName": "",
            "isPrivate": False,
            "isCurrentlyRecorded": False,
            "isRecorded": False,
            "inflightCall": None,
            "mostRecentCommAt": None,
        },
    ]


FILTERS: list[tuple[dict[str, Any], list[int]]] = [
    ({}, [1, 2, 3, 4]),
    ({"type": "email"}, [2]),
    ({"type": "teamsUserId"}, [4]),
    ({"endpointSearch": "447896"}, [1, 3]),
    ({"endpointSearch": "+44 (7896) 42"}, [1]),
    ({"endpointSearch": "0044-7896-423595"}, [1]),
    ({"endpointSearch": "000999"}, [3]),
    ({"endpointSearch": "00999"}, [3]),
    ({"endpointSearch": "00896"}, []),
    ({"endpointSearch": "JANE.SMITH"}, [2]),
    ({"endpointSearch": "7b1d"}, [4]),
    ({"endpointSearch": "jane%smith"}, []),
    ({"endpointSearch": "jane_smith"}, []),
    ({"endpointSearch": "  "}, [1, 2, 3, 4]),
    ({"freeText": "jane smith"}, [1, 2]),
    ({"freeText": "support DESK"}, [1]),
    ({"freeText": "desk jane 7896"}, [1]),
    ({"freeText": "+447896"}, [1, 3]),
    ({"endpointSearch": "+44 (0)7896 423"}, [1]),
    ({"endpointSearch": "tel:+44-7896-423595"}, [1]),
    ({"endpointSearch": "sip:+447896423595@sbc.example.com;user=phone"}, [1]),
    ({"endpointSearch": "+44\u20117896\u2011423595"}, [1]),
    ({"endpointSearch": "\u202a+447896423595\u202c"}, [1]),
    ({"endpointSearch": "ｊａｎｅ.smith@"}, [2]),
    ({"freeText": "+44 (0)7896 423595"}, [1]),
    ({"freeText": "tel:+44-7896-423595"}, [1]),
    ({"freeText": "7896 423595"}, [1]),
    ({"freeText": "label"}, []),
    ({"freeText": "7B1D2F60"}, [4]),
    ({"onlyReturnOwned": True}, [1, 2]),
    ({"onlyReturnNonOwned": True}, [3, 4]),
    ({"onlyReturnOwned": False, "onlyReturnNonOwned": True}, [3, 4]),
    ({"isCurrentlyRecorded": True}, []),
    ({"isCurrentlyRecorded": False}, [1, 2, 3, 4]),
    ({"isRecorded": True}, []),
    ({"type": None, "isRecorded": None}, [1, 2, 3, 4]),
]


def test_filters(desk: Firm) -> None:
    assert [(wanted, found(desk, **wanted)) for wanted, _ in FILTERS] == FILTERS


def test_an_endpoint_is_recorded_once_it_was_the_subject(desk: Firm) -> None:
    desk.ingest(endpoints=[endpoint("447896423595", subject=True), endpoint("447896000999", originator=True)])
    assert found(desk, isRecorded=True) == [1]
    assert found(desk, isRecorded=False) == [2, 3, 4]
    [other] = desk.post(SEARCH, {"endpointSearch": "000999"})
    assert (other["isRecorded"], other["mostRecentCommAt"]) == (False, "2026-05-12T10:31:00.000Z")


def test_hidden_recordings_do_not_make_an_endpoint_recorded(desk: Firm) -> None:
    desk.add_user("outsider", [Right.ENDPOINTS_VIEW, Right.PEOPLE_VIEW])
    desk.add_user("jane", [Right.ENDPOINTS_VIEW, Right.PEOPLE_VIEW], person_id=1)
    desk.ingest(isPrivate=True, endpoints=[endpoint("447896423595", subject=True)])
    for username, sees in (("outsider", False), ("jane", True)):
        [one] = desk.post(SEARCH, {"endpointSearch": "423595"}, as_user=username)
        assert (one["isRecorded"], one["mostRecentCommAt"] is not None) == (sees, sees)
        ids = [one["id"] for one in desk.post(SEARCH, {"isRecorded": True}, as_user=username)]
        assert ids == ([1] if sees else [])
        wanted = [{"type": "phone", "endpoint": "447896423595"}]
        assert desk.post(GET, wanted, as_user=username)[0]["isRecorded"] is sees


def test_pages_of_endpoints_tell_the_true_total(firm: Firm) -> None:
    firm.ingest(endpoints=[endpoint(f"4478960{number:05}", subject=True) for number in range(105)])
    assert len(firm.post(SEARCH, {})) == 100
    for wanted in ({}, {"freeText": "44789600"}, {"isRecorded": True}):
        for page, ids in ((2, [51, 52]), (3, [101, 102]), (2**53 - 1, [])):
            response = firm.call("POST", SEARCH, {**wanted, "page": page, "pageSize": 50})
            assert [one["id"] for one in response.json()[:2]] == ids
            assert response.headers["X-Total-Count"] == "105"


def test_owned_and_not_owned_at_once_is_refused(firm: Firm) -> None:
    refused = firm.call("POST", SEARCH, {"onlyReturnOwned": True, "onlyReturnNonOwned": True})
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["path"] == "onlyReturnNonOwned"


def test_endpoints_are_answered_in_the_order_asked_each_once(desk: Firm) -> None:
    asked = [
        {"type": "phone", "endpoint": "447896000999"},
        {"type": "email", "endpoint": "JANE.smith@example.com"},
        {"type": "phone", "endpoint": "0044 7896-423595"},
        {"type": "email", "endpoint": "447896423595"},
        {"type": "phone", "endpoint": "+447896423595"},
    ]
    assert desk.post(GET, asked) == [
        {
            "id": 3,
            "type": "phone",
            "endpoint": "447896000999",
            "ownedByPersonId": None,
            "isPrivate": False,
            "isRecorded": False,
        },
        {
            "id": 2,
            "type": "email",
            "endpoint": "Jane.Smith@example.com",
            "ownedByPersonId": 1,
            "isPrivate": False,
            "isRecorded": False,
        },
        {
            "id": 1,
            "type": "phone",
            "endpoint": "447896423595",
            "ownedByPersonId": 1,
            "isPrivate": False,
            "isRecorded": False,
        },
    ]
    assert desk.post(GET, []) == []


def test_values_that_name_no_endpoint_are_refused(firm: Firm) -> None:
    bodies: list[Any] = [{}, ["447896423595"], [{"type": "phone"}], [{"type": "fax", "endpoint": "1"}]]
    for body in bodies:
        assert firm.call("POST", GET, body).status_code == 400
    refused = firm.call("POST", SEARCH, {"type": "fax"})
    assert refused.json()["errors"][0]["path"] == "type"


def test_very_long_requests_are_answered_or_refused(desk: Firm) -> None:
    many = " ".join(f"{number:x}" for number in range(256, 506))
    for text in (many, "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * 1000, "%" * 1000, "0" * 1000):
        for field in ("freeText", "endpointSearch"):
            assert found(desk, **{field: text}) == []
    refused = desk.call("POST", SEARCH, {"freeText": "x" * 1001})
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (400, "freeText")


def test_endpoints_need_their_rights(firm: Firm) -> None:
    firm.add_user("people", [Right.PEOPLE_VIEW])
    firm.add_user("endpoints", [Right.ENDPOINTS_VIEW])
    assert firm.call("POST", SEARCH, {}, as_user="people").json()["right"] == "Endpoints.View"
    assert firm.call("POST", GET, [], as_user="endpoints").json()["right"] == "People.View"
    assert firm.post(SEARCH, {}, as_user="endpoints") == []
    assert firm.post(GET, [], as_user="people") == []


def test_an_owner_that_a_recording_names_is_found_by_name(firm: Firm) -> None:
    firm.ingest(endpoints=[endpoint("sip:desk@example.com", subject=True, person=person("Ann Reed"))])
    firm.ingest(thirdPartyId="call-2", endpoints=[endpoint("sip:Übertrag@example.com", subject=True)])
    assert found(firm, freeText="REED sip") == [1]
    assert found(firm, freeText="UBERTRAG") == [2]
    assert found(firm, freeText="sip") == [1, 2]
    assert found(firm, endpointSearch="SIP:desk") == [1]
