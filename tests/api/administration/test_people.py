"""Adding, changing and ending people."""

from typing import Any

from sqlalchemy import insert, select, update

from earwitness.archive.schema.people import account, retention_groups
from earwitness.archive.schema.work import audit_headers, audit_rows
from earwitness.kernel.rights import Right
from tests.firm import Firm, endpoint, person

PHONE = {"type": "phone", "endpoint": "447896423595"}
EMAIL = {"type": "email", "endpoint": "jane@example.com"}


def add(firm: Firm, **fields: Any) -> Any:
    return firm.post("/admin/person", {"fullName": "Jane Smith", **fields})


def change(firm: Firm, person_id: int = 1, **fields: Any) -> Any:
    response = firm.call("PUT", f"/admin/person/{person_id}", fields)
    assert response.is_success, response.text
    return response.json()


def ids(endpoints: list[dict[str, Any]]) -> list[int]:
    return [one["id"] for one in endpoints]


def add_group(firm: Firm, name: str, **days: int | None) -> int:
    with firm.archive.write() as connection:
        added = insert(retention_groups).values(name=name, retention_group=days)
        group_id: int = connection.execute(added.returning(retention_groups.c.id)).scalar_one()
    return group_id


def test_a_person_is_added_as_it_will_be_shown(firm: Firm) -> None:
    group_id = add_group(firm, "Standard", default=10)
    fields = {
        "email": "Jane@example.com",
        "thirdPartyId": "AAD-1f2c",
        "personType": "external",
        "avatar": "https://cdn.example.com/avatars/42.png",
        "retentionGroupId": group_id,
        "byoStorageAccountId": 7,
        "isActive": False,
        "metadata": {"additionalFields": {"costCentre": "CC-204"}},
    }
    response = firm.call("POST", "/admin/person", {"fullName": "Jane Smith", **fields, "endpoints": [PHONE]})
    assert response.status_code == 201
    assert response.json() == {
        "id": 1,
        "fullName": "Jane Smith",
        **fields,
        "mostRecentCommAt": None,
        "endpoints": [{**PHONE, "id": 1, "ownedByPersonId": 1, "isRecorded": False}],
        "autoGroupAssignment": [],
    }
    assert firm.get("/admin/person") == [response.json()]


def test_a_name_is_enough(firm: Firm) -> None:
    jane = add(firm)
    assert (jane["personType"], jane["isActive"], jane["email"]) == ("staff", True, None)


def test_people_are_listed_in_order_page_by_page(firm: Firm) -> None:
    for name in ("Zoe", "Ann", "Bob"):
        add(firm, fullName=name)
    response = firm.call("GET", "/admin/person", params={"page": 2, "pageSize": 2})
    assert [one["fullName"] for one in response.json()] == ["Zoe"]
    assert response.headers["X-Total-Count"] == "3"


def test_values_that_a_change_leaves_out_stay(firm: Firm) -> None:
    before = add(firm, email="jane@example.com", endpoints=[PHONE], metadata={"a": 1}, byoStorageAccountId=3)
    assert change(firm, avatar="https://cdn.example.com/1.png", email=None) == {
        **before,
        "avatar": "https://cdn.example.com/1.png",
    }


def test_empty_values_remove_what_there_was(firm: Firm) -> None:
    add(
        firm, email="jane@example.com", thirdPartyId="X", avatar="a", byoStorageAccountId=3, metadata={"a": 1}
    )
    emptied = change(firm, email="", thirdPartyId="", avatar="", byoStorageAccountId=None, metadata={})
    keys = ("email", "thirdPartyId", "avatar", "byoStorageAccountId", "metadata")
    assert [emptied[key] for key in keys] == [None, None, None, None, {}]
    assert add(firm, thirdPartyId="X")["id"] == 2


def test_endpoints_given_are_the_only_ones_owned(firm: Firm) -> None:
    add(firm, endpoints=[PHONE, EMAIL, {"type": "phone", "endpoint": "+44 7896 423595"}])
    assert ids(change(firm, endpoints=[EMAIL])["endpoints"]) == [2]
    add(firm, fullName="Marcus", endpoints=[PHONE])
    refused = firm.call("PUT", "/admin/person/1", {"endpoints": [EMAIL, PHONE]})
    assert refused.status_code == 409
    assert ids(change(firm)["endpoints"]) == [2]


def test_groups_given_are_the_only_ones(firm: Firm) -> None:
    add(firm, autoGroupAssignment=[{"groupName": "Department", "groupValue": "Support"}])
    claims = {"groupName": "Department", "groupValue": "Claims"}
    assert change(firm, autoGroupAssignment=[claims, claims])["autoGroupAssignment"] == [
        {**claims, "groupNameId": 1, "groupValueId": 2}
    ]
    assert change(firm, autoGroupAssignment=[])["autoGroupAssignment"] == []


def test_third_party_ids_are_of_one_person_each(firm: Firm) -> None:
    add(firm, thirdPartyId="AAD-1")
    add(firm, thirdPartyId="AAD-2")
    assert firm.call("POST", "/admin/person", {"fullName": "X", "thirdPartyId": "AAD-1"}).status_code == 409
    assert firm.call("PUT", "/admin/person/2", {"thirdPartyId": "AAD-1"}).status_code == 409
    assert change(firm, thirdPartyId="AAD-1")["thirdPartyId"] == "AAD-1"


def test_a_third_party_id_that_is_taken_is_named_even_with_spaces_around_it(firm: Firm) -> None:
    add(firm, thirdPartyId="AAD-1")
    add(firm)
    refused = firm.call("PUT", "/admin/person/2", {"thirdPartyId": " AAD-1 "})
    assert refused.status_code == 409
    assert refused.json()["detail"] == "Person 1 already has the thirdPartyId AAD-1."


def test_recordings_are_found_by_the_new_name_and_email(firm: Firm) -> None:
    jane = person("Jane Smith", thirdPartyId="X")
    firm.ingest(endpoints=[endpoint("447896423595", subject=True, person=jane)])
    change(firm, fullName="Jane Marshgate", email="marshgate@example.com")
    assert firm.search(freeText="Marshgate") == ["call-1"]
    assert firm.search(freeText="marshgate@example.com") == ["call-1"]
    assert firm.search(freeText="Smith") == []
    assert firm.post("/client/people.search", {"freeText": "MARSHGATE"})["total"] == 1
    assert firm.post("/client/people.search", {"emails": ["Marshgate@example.com"]})["total"] == 1


def test_another_retention_group_decides_until_when_recordings_are_kept(firm: Firm) -> None:
    firm.ingest(endpoints=[endpoint("447896423595", subject=True, person=person("Jane"))])
    group_id = add_group(firm, "Ten days", default=10)
    refused = firm.call("PUT", "/admin/person/1", {"retentionGroupId": group_id})
    assert refused.status_code == 409
    assert firm.post("/client/people.get", [1])[0]["retentionGroupId"] is None
    with firm.archive.write() as connection:
        connection.execute(update(account).values(may_shorten_retention=True))
    assert change(firm, retentionGroupId=group_id)["retentionGroupId"] == group_id
    [recording] = firm.post("/client/recording.search", {})["recordings"]
    assert (recording["retentionGroupId"], recording["retainUntil"]) == (group_id, "2026-05-22T10:31:00.000Z")
    assert change(firm, retentionGroupId=None)["retentionGroupId"] is None
    [recording] = firm.post("/client/recording.search", {})["recordings"]
    assert (recording["retentionGroupId"], recording["retainUntil"]) == (None, None)


def test_an_ended_person_is_inactive_and_loses_nothing(firm: Firm) -> None:
    before = add(firm, endpoints=[PHONE])
    assert firm.call("DELETE", "/admin/person/1").json() == {"id": 1}
    assert firm.call("DELETE", "/admin/person/1").status_code == 200
    assert firm.get("/admin/person") == [{**before, "isActive": False}]
    assert change(firm, isActive=True) == before


def test_invalid_values_are_named(firm: Firm) -> None:
    refused = {
        "fullName": {"email": "jane@example.com"},
        "personType": {"fullName": "X", "personType": "robot"},
        "retentionGroupId": {"fullName": "X", "retentionGroupId": 99},
        "endpoints[0].endpoint": {"fullName": "X", "endpoints": [{"type": "phone", "endpoint": " "}]},
        "mostRecentCommAt": {"fullName": "X", "mostRecentCommAt": "2026-05-12T10:30:00Z"},
        "autoGroupAssignment[0].groupValue": {
            "fullName": "X",
            "autoGroupAssignment": [{"groupName": "Site"}],
        },
    }
    for path, body in refused.items():
        response = firm.call("POST", "/admin/person", body)
        assert (response.status_code, response.json()["errors"][0]["path"]) == (400, path)
    assert firm.call("POST", "/admin/person", {"fullName": "  "}).status_code == 400
    assert firm.get("/admin/person") == []


def test_an_unknown_person_is_not_found(firm: Firm) -> None:
    assert firm.call("PUT", "/admin/person/9", {"fullName": "X"}).status_code == 404
    assert firm.call("DELETE", "/admin/person/9").status_code == 404
    assert firm.call("PUT", "/admin/person/x", {"fullName": "X"}).status_code == 400


def test_the_right_to_view_people_does_not_allow_changes(firm: Firm) -> None:
    firm.add_user("viewer", [Right.PEOPLE_VIEW])
    firm.add_user("editor", [Right.PEOPLE_EDIT])
    firm.add_user("other", [Right.ENDPOINTS_EDIT])
    add(firm)
    for method, path in (("POST", ""), ("PUT", "/1"), ("DELETE", "/1")):
        refused = firm.call(method, f"/admin/person{path}", {"fullName": "X"}, as_user="viewer")
        assert (refused.status_code, refused.json()["right"]) == (403, "People.Edit")
    assert firm.call("GET", "/admin/person", as_user="other").status_code == 403
    for username in ("viewer", "editor"):
        assert firm.get("/admin/person", as_user=username)[0]["fullName"] == "Jane Smith"


def test_changes_of_people_stand_in_the_ledger(firm: Firm) -> None:
    add(firm)
    change(firm, fullName="Jane Marshgate", byoStorageAccountId=None)
    firm.call("PUT", "/admin/person/1", {"retentionGroupId": 99})
    firm.call("DELETE", "/admin/person/1")
    with firm.archive.read() as connection:
        rows = connection.execute(
            select(audit_headers.c.method, audit_rows.c.entity_id, audit_rows.c.metadata)
            .join(audit_headers, audit_headers.c.id == audit_rows.c.audit_header_id)
            .where(audit_rows.c.entity_name == "Person")
            .order_by(audit_rows.c.id)
        ).all()
    assert [tuple(row) for row in rows] == [
        ("POST", 1, {"fullName": "Jane Smith"}),
        ("PUT", 1, {"fullName": "Jane Marshgate", "byoStorageAccountId": None}),
        ("DELETE", 1, {"isActive": False}),
    ]
