"""Adding, changing and deleting endpoints."""

from typing import Any

from sqlalchemy import select

from earwitness.archive.schema.work import audit_rows
from earwitness.kernel.rights import Right
from tests.firm import Firm, endpoint, person

PHONE = {"type": "phone", "endpoint": "+44 7896 423595"}


def add(firm: Firm, **fields: Any) -> Any:
    return firm.post("/admin/endpoint", {**PHONE, **fields})


def change(firm: Firm, **fields: Any) -> Any:
    response = firm.call("PUT", "/admin/endpoint/1", fields)
    assert response.is_success, response.text
    return response.json()


def test_an_endpoint_is_added_as_it_will_be_shown(firm: Firm) -> None:
    firm.post("/admin/person", {"fullName": "Jane Smith"})
    body = {**PHONE, "label": "Support desk", "ownedByPersonId": 1, "isPrivate": True}
    response = firm.call("POST", "/admin/endpoint", body)
    assert response.status_code == 201
    assert response.json() == {
        "id": 1,
        "type": "phone",
        "endpoint": "447896423595",
        "metadata": {"label": "Support desk"},
        "ownedByPersonId": 1,
        "ownedByFullName": "Jane Smith",
        "isPrivate": True,
        "isCurrentlyRecorded": False,
        "isRecorded": False,
        "inflightCall": None,
        "mostRecentCommAt": None,
    }
    assert firm.get("/admin/endpoint") == [response.json()]


def test_all_spellings_of_an_address_are_one_endpoint(firm: Firm) -> None:
    add(firm)
    again = firm.call("POST", "/admin/endpoint", {"type": "phone", "endpoint": "0044-7896-423595"})
    assert again.status_code == 409
    assert firm.call("POST", "/admin/endpoint", {**PHONE, "type": "email"}).status_code == 201


def test_endpoints_are_listed_page_by_page(firm: Firm) -> None:
    for number in range(3):
        add(firm, endpoint=f"44789600000{number}")
    response = firm.call("GET", "/admin/endpoint", params={"page": 2, "pageSize": 2})
    assert [one["id"] for one in response.json()] == [3]
    assert response.headers["X-Total-Count"] == "3"


def test_values_that_a_change_leaves_out_stay(firm: Firm) -> None:
    firm.post("/admin/person", {"fullName": "Jane Smith"})
    before = add(firm, label="Desk", ownedByPersonId=1)
    assert change(firm, isPrivate=True) == {**before, "isPrivate": True}
    assert change(firm, isPrivate=False, type="phone", endpoint="447896423595") == before


def test_labels_and_other_metadata(firm: Firm) -> None:
    add(firm, metadata={"floor": 3})
    assert change(firm, label="Desk")["metadata"] == {"floor": 3, "label": "Desk"}
    assert change(firm, label="")["metadata"] == {"floor": 3}
    assert change(firm, metadata={"label": "Claims"})["metadata"] == {"label": "Claims"}


def test_owners_change_and_recordings_keep_theirs(firm: Firm) -> None:
    firm.ingest(endpoints=[endpoint("447896423595", subject=True, person=person("Jane Smith"))])
    firm.post("/admin/person", {"fullName": "Marcus"})
    assert change(firm, ownedByPersonId=2)["ownedByFullName"] == "Marcus"
    [recording] = firm.post("/client/recording.search", {})["recordings"]
    assert recording["endpoints"][0]["person"]["fullName"] == "Jane Smith"
    freed = change(firm, ownedByPersonId=None)
    assert (freed["ownedByPersonId"], freed["ownedByFullName"]) == (None, "")


def test_a_private_endpoint_makes_new_recordings_private(firm: Firm) -> None:
    firm.add_user("outsider", [Right.RECORDING_VIEW])
    desk = [endpoint("447896423595", subject=True)]
    firm.ingest(thirdPartyId="before", endpoints=desk)
    change(firm, isPrivate=True)
    firm.ingest(thirdPartyId="after", endpoints=desk)
    assert firm.search(as_user="outsider") == ["before"]
    assert firm.search(isPrivate=True) == ["after"]


def test_an_endpoint_of_a_recording_or_a_call_cannot_be_deleted(firm: Firm) -> None:
    firm.ingest(endpoints=[endpoint("447896423595", subject=True)])
    assert firm.call("DELETE", "/admin/endpoint/1").status_code == 409
    told = {"thirdPartyId": "live-1", "endpoint": {"type": "email", "endpoint": "jane@example.com"}}
    firm.post("/ingest/call/start", told)
    assert firm.call("DELETE", "/admin/endpoint/2").status_code == 409
    firm.post("/ingest/call/end", {"thirdPartyId": "live-1"})
    assert firm.call("DELETE", "/admin/endpoint/2").json() == {"id": 2}
    assert [one["id"] for one in firm.get("/admin/endpoint")] == [1]


def test_a_call_that_never_ended_does_not_hold_an_endpoint_for_ever(firm: Firm) -> None:
    told = {"thirdPartyId": "live-1", "endpoint": PHONE, "startDatetimeUTC": "2020-01-01T00:00:00Z"}
    firm.post("/ingest/call/start", told)
    assert firm.call("DELETE", "/admin/endpoint/1").status_code == 200


def test_ids_are_not_used_again(firm: Firm) -> None:
    add(firm)
    firm.call("DELETE", "/admin/endpoint/1")
    assert add(firm)["id"] == 2


def test_the_type_and_value_of_an_endpoint_cannot_change(firm: Firm) -> None:
    add(firm)
    for other in ({"endpoint": "447896423596"}, {"type": "email"}):
        assert firm.call("PUT", "/admin/endpoint/1", other).status_code == 409


def test_invalid_values_are_named(firm: Firm) -> None:
    for path, body in {
        "type": {"endpoint": "1"},
        "endpoint": {"type": "phone", "endpoint": " "},
        "ownedByPersonId": {**PHONE, "ownedByPersonId": 99},
        "isRecorded": {**PHONE, "isRecorded": True},
    }.items():
        response = firm.call("POST", "/admin/endpoint", body)
        assert (response.status_code, response.json()["errors"][0]["path"]) == (400, path)
    assert firm.get("/admin/endpoint") == []
    for method in ("PUT", "DELETE"):
        assert firm.call(method, "/admin/endpoint/9", {} if method == "PUT" else None).status_code == 404


def test_the_right_to_view_endpoints_does_not_allow_changes(firm: Firm) -> None:
    firm.add_user("viewer", [Right.ENDPOINTS_VIEW])
    add(firm)
    for method, path in (("POST", ""), ("PUT", "/1"), ("DELETE", "/1")):
        refused = firm.call(method, f"/admin/endpoint{path}", {}, as_user="viewer")
        assert (refused.status_code, refused.json()["right"]) == (403, "Endpoints.Edit")
    assert len(firm.get("/admin/endpoint", as_user="viewer")) == 1


def test_changes_of_endpoints_stand_in_the_ledger(firm: Firm) -> None:
    add(firm, label="Desk")
    change(firm, ownedByPersonId=None)
    firm.call("DELETE", "/admin/endpoint/1")
    with firm.archive.read() as connection:
        told = connection.scalars(
            select(audit_rows.c.metadata)
            .where(audit_rows.c.entity_name == "Endpoint")
            .order_by(audit_rows.c.id)
        ).all()
    assert told == [
        {**PHONE, "label": "Desk"},
        {"ownedByPersonId": None},
        {"type": "phone", "endpoint": "447896423595", "deleted": True},
    ]
