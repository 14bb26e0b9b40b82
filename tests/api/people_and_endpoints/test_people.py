"""People: search, search by name, get."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from earwitness.archive.schema.people import access_policies, user_policies
from earwitness.kernel.rights import Right
from tests.firm import Firm, call, endpoint, person

JANE = {
    "fullName": "Jane Smith",
    "email": "jane.smith@example.com",
    "thirdPartyId": "AAD-1f2c",
    "personType": "staff",
    "avatar": "https://cdn.example.com/avatars/42.png",
    "endpoints": [
        {"type": "phone", "endpoint": "+44 7896 423595"},
        {"type": "email", "endpoint": "Jane.Smith@example.com"},
    ],
    "autoGroupAssignment": [{"groupName": "Department", "groupValue": "Support"}],
    "metadata": {"additionalFields": {"costCentre": "CC-204"}},
}
JAMIE = {
    "fullName": "Jamie Smithson",
    "email": "jamie@example.com",
    "autoGroupAssignment": [
        {"groupName": "Department", "groupValue": "Claims"},
        {"groupName": "Site", "groupValue": "Leeds"},
    ],
}
ELODIE = {"fullName": "Élodie Müller-O'Brien", "personType": "external", "thirdPartyId": "CRM-7"}


def add(firm: Firm, **fields: Any) -> int:
    added: int = firm.post("/admin/person", fields)["id"]
    return added


@pytest.fixture
def three(firm: Firm) -> Firm:
    """A firm with Jane (1), Jamie (2) and Élodie (3)."""
    for one in (JANE, JAMIE, ELODIE):
        add(firm, **one)
    return firm


def names(firm: Firm, *, as_user: str = "admin@example.com", **wanted: Any) -> list[str]:
    page = firm.post("/client/people.search", wanted, as_user=as_user)
    assert page["total"] == len(page["persons"])
    return [one["fullName"].split()[0] for one in page["persons"]]


def shown(firm: Firm, person_id: int, **asked: Any) -> Any:
    [found] = firm.post("/client/people.search", {"personIds": [person_id], **asked})["persons"]
    return found


def test_a_person_is_shown_as_documented(three: Firm) -> None:
    three.ingest(
        startDatetimeUTC="2026-05-12T10:30:00Z",
        endDatetimeUTC="2026-05-12T10:34:21.482Z",
        endpoints=[endpoint("447896423595", subject=True), endpoint("447700900111")],
    )
    jane = {
        "id": 1,
        "fullName": "Jane Smith",
        "email": "jane.smith@example.com",
        "thirdPartyId": "AAD-1f2c",
        "personType": "staff",
        "isActive": True,
        "avatar": "https://cdn.example.com/avatars/42.png",
        "retentionGroupId": None,
        "mostRecentCommAt": "2026-05-12T10:34:21.482Z",
        "endpoints": [
            {"id": 1, "type": "phone", "endpoint": "447896423595", "ownedByPersonId": 1, "isRecorded": True},
            {
                "id": 2,
                "type": "email",
                "endpoint": "Jane.Smith@example.com",
                "ownedByPersonId": 1,
                "isRecorded": False,
            },
        ],
        "autoGroupAssignment": [
            {"groupName": "Department", "groupValue": "Support", "groupNameId": 1, "groupValueId": 1}
        ],
        "metadata": {"additionalFields": {"costCentre": "CC-204"}},
    }
    page = three.post("/client/people.search", {"personIds": [1]})
    assert page == {"persons": [jane], "total": 1, "page": 1, "pageSize": 25}
    assert three.post("/client/people.get", [1]) == [jane]


def test_a_person_with_a_name_alone_has_empty_fields(three: Firm) -> None:
    elodie = shown(three, 3)
    assert elodie["email"] is None
    assert elodie["avatar"] is None
    assert elodie["mostRecentCommAt"] is None
    assert (elodie["endpoints"], elodie["autoGroupAssignment"], elodie["metadata"]) == ([], [], {})


FILTERS: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["Élodie", "Jamie", "Jane"]),
    ({"freeText": "   "}, ["Élodie", "Jamie", "Jane"]),
    ({"freeText": "SMITH"}, ["Jamie", "Jane"]),
    ({"freeText": "elodie"}, ["Élodie"]),
    ({"freeText": "ÜLLER"}, ["Élodie"]),
    ({"freeText": "smith cc-204"}, ["Jane"]),
    ({"freeText": "smith crm"}, []),
    ({"freeText": "costCentre"}, []),
    ({"freeText": "aad-1F"}, ["Jane"]),
    ({"freeText": "jamie@"}, ["Jamie"]),
    ({"freeText": "7896"}, ["Jane"]),
    ({"freeText": "+447896"}, ["Jane"]),
    ({"freeText": "00447896"}, ["Jane"]),
    ({"freeText": "%"}, []),
    ({"personType": "external"}, ["Élodie"]),
    ({"personIds": [3, 1, 99]}, ["Élodie", "Jane"]),
    ({"thirdPartyIds": ["AAD-1f2c", "crm-7"]}, ["Jane"]),
    ({"emails": ["JANE.smith@example.com"]}, ["Jane"]),
    ({"emails": ["smith@example.com"]}, []),
    ({"onlyReturnNonAssociated": True}, ["Élodie", "Jamie", "Jane"]),
    ({"isActive": False}, []),
    ({"retentionGroupId": None}, ["Élodie", "Jamie", "Jane"]),
    ({"retentionGroupId": 4}, []),
    ({"personType": None, "emails": None}, ["Élodie", "Jamie", "Jane"]),
]


def test_filters(three: Firm) -> None:
    assert [(wanted, names(three, **wanted)) for wanted, _ in FILTERS] == FILTERS


def test_as_many_words_as_fit_are_looked_for(firm: Firm) -> None:
    words = [chr(0x4E00 + number) for number in range(500)]
    add(firm, fullName="".join(words), endpoints=[{"type": "phone", "endpoint": "447896423595"}])
    for found, asked in (([1], words), ([], [*words[1:], "x"])):
        body = {"freeText": " ".join(asked)}
        assert [one["id"] for one in firm.post("/client/people.search", body)["persons"]] == found
        assert [one["id"] for one in firm.post("/client/people/endpoint/search", body)] == found


def test_group_assignments_must_all_hold(three: Firm) -> None:
    department = {"groupName": "Department"}
    assert names(three, groupAssignment=[department | {"groupValue": "Support"}]) == ["Jane"]
    assert names(three, groupAssignment=[{"groupNameId": 1, "groupValueId": 2}]) == ["Jamie"]
    leeds = {"groupName": "Site", "groupValue": "Leeds"}
    assert names(three, groupAssignment=[department | {"groupValue": "Claims"}, leeds]) == ["Jamie"]
    assert names(three, groupAssignment=[department | {"groupValue": "Support"}, leeds]) == []
    assert names(three, groupAssignment=[{"groupName": "Site", "groupValue": "Claims"}]) == []
    assert names(three, groupAssignment=[]) == ["Élodie", "Jamie", "Jane"]
    refused = three.call("POST", "/client/people.search", {"groupAssignment": [{}]})
    assert refused.json()["errors"][0]["path"] == "groupAssignment[0]"


def test_null_asks_for_people_without_a_storage_account(three: Firm) -> None:
    three.call("PUT", "/admin/person/2", {"byoStorageAccountId": 5})
    assert names(three, byoStorageAccountId=None) == ["Élodie", "Jane"]
    assert names(three, byoStorageAccountId=5) == ["Jamie"]
    assert "byoStorageAccountId" not in shown(three, 2)


def test_an_owned_email_endpoint_is_an_email_too(three: Firm) -> None:
    three.call(
        "PUT", "/admin/person/3", {"endpoints": [{"type": "email", "endpoint": "Elodie@home.example"}]}
    )
    assert names(three, emails=["elodie@HOME.example"]) == ["Élodie"]


def test_people_who_are_users_are_associated(three: Firm) -> None:
    three.add_user("jane", [Right.PEOPLE_VIEW], person_id=1)
    assert names(three, onlyReturnNonAssociated=True) == ["Élodie", "Jamie"]
    assert names(three, onlyReturnNonAssociated=False) == ["Élodie", "Jamie", "Jane"]


def test_inactive_people_stay_searchable(three: Firm) -> None:
    three.call("DELETE", "/admin/person/2")
    assert names(three) == ["Élodie", "Jamie", "Jane"]
    assert names(three, isActive=False) == ["Jamie"]
    assert names(three, isActive=True) == ["Élodie", "Jane"]


def test_pages_of_people_tell_the_true_total(firm: Firm) -> None:
    for number in range(7):
        add(firm, fullName=f"Ann {number % 3}")
    seen = []
    for page in (1, 2, 3, 4, 2**53 - 1):
        for free_text in (None, "ann"):
            wanted = {"page": page, "pageSize": 3, "freeText": free_text}
            answer = firm.post("/client/people.search", wanted)
            assert (answer["total"], answer["page"], answer["pageSize"]) == (7, page, 3)
            if free_text:
                seen += [one["id"] for one in answer["persons"]]
    assert seen == [1, 4, 7, 2, 5, 3, 6]


def test_letters_of_other_alphabets_come_in_one_order_everywhere(firm: Firm) -> None:
    for name in ("zoe", "Éva", "anna", "Anna B", "Ωmega", "a-b", "ab"):
        add(firm, fullName=name)
    page = firm.post("/client/people.search", {})
    assert [one["fullName"] for one in page["persons"]] == [
        "a-b",
        "ab",
        "anna",
        "Anna B",
        "Éva",
        "zoe",
        "Ωmega",
    ]


def test_interactions_are_counted_when_asked_for(three: Firm) -> None:
    recently = datetime.now(UTC) - timedelta(days=29)
    for number, start in enumerate([recently.isoformat(), "2020-01-01T00:00:00Z"]):
        three.ingest(
            thirdPartyId=f"call-{number}",
            startDatetimeUTC=start,
            endpoints=[
                endpoint("447896423595", subject=True),
                endpoint("jane.smith@example.com", kind="email"),
            ],
        )
    assert "interactions" not in shown(three, 1)
    assert shown(three, 1, includeInteractions=True)["interactions"] == {"total": 2, "last30Days": 1}
    assert shown(three, 2, includeInteractions=True)["interactions"] == {"total": 0, "last30Days": 0}


def test_the_most_recent_communication_is_the_one_that_ended_last(three: Firm) -> None:
    jane = [endpoint("447896423595", subject=True)]
    day = "2026-05-12T"
    for number, (start, end) in enumerate([("09:00", "12:00"), ("10:00", "10:05"), ("08:00", "08:30")]):
        three.ingest(
            thirdPartyId=f"call-{number}",
            startDatetimeUTC=f"{day}{start}:00Z",
            endDatetimeUTC=f"{day}{end}:00Z",
            endpoints=jane,
        )
    assert shown(three, 1)["mostRecentCommAt"] == f"{day}12:00:00.000Z"


def test_hidden_recordings_are_not_counted(three: Firm) -> None:
    three.add_user("outsider", [Right.PEOPLE_VIEW])
    three.add_user("jane", [Right.PEOPLE_VIEW], person_id=1)
    jane = [endpoint("447896423595", subject=True)]
    three.ingest(thirdPartyId="private", isPrivate=True, endpoints=jane)

    def seen_by(username: str) -> tuple[Any, Any, Any]:
        wanted = {"personIds": [1], "includeInteractions": True}
        [found] = three.post("/client/people.search", wanted, as_user=username)["persons"]
        return found["mostRecentCommAt"], found["endpoints"][0]["isRecorded"], found["interactions"]["total"]

    assert seen_by("outsider") == (None, False, 0)
    assert seen_by("jane") == ("2026-05-12T10:31:00.000Z", True, 1)
    assert seen_by("admin@example.com") == ("2026-05-12T10:31:00.000Z", True, 1)


def test_access_policies_limit_what_is_counted_and_not_who_is_listed(three: Firm) -> None:
    user_id = three.add_user("support", [Right.PEOPLE_VIEW])
    with three.archive.write() as connection:
        conditions = {"data_groups": {"Department": ["Support"]}, "person_ids": [2]}
        policy = insert(access_policies).values(name="support", conditions=conditions)
        policy_id = connection.execute(policy.returning(access_policies.c.id)).scalar_one()
        connection.execute(insert(user_policies).values(user_id=user_id, access_policy_id=policy_id))
    desks = [
        endpoint("447896423595", subject=True),
        endpoint("1", subject=True, person=person("Jamie", email="jamie@example.com")),
    ]
    three.ingest(thirdPartyId="seen", dataGroups={"Department": "Support"}, endpoints=desks)
    three.ingest(thirdPartyId="hidden", dataGroups={"Department": "Claims"}, endpoints=desks)
    three.ingest(
        thirdPartyId="too", dataGroups={"Department": "Support"}, endpoints=desks[:1], durationInSeconds=900
    )
    page = three.post("/client/people.search", {"includeInteractions": True}, as_user="support")
    seen = {one["id"]: (one["interactions"]["total"], one["mostRecentCommAt"]) for one in page["persons"]}
    at = "2026-05-12T10:31:00.000Z"
    assert seen == {1: (1, at), 2: (1, at), 3: (0, None)}


def test_a_person_of_ingest_time_is_counted_whoever_owns_the_endpoint_now(three: Firm) -> None:
    three.ingest(endpoints=[endpoint("447896423595", subject=True)])
    three.call("PUT", "/admin/person/1", {"endpoints": []})
    three.call("PUT", "/admin/person/2", {"endpoints": [{"type": "phone", "endpoint": "447896423595"}]})
    assert shown(three, 1)["mostRecentCommAt"] is not None
    assert shown(three, 2)["mostRecentCommAt"] is None
    assert shown(three, 2)["endpoints"][0]["isRecorded"] is True


PREFIXES = [
    ("smi", ["Jamie", "Jane"]),
    ("SMITHS", ["Jamie"]),
    ("mith", []),
    ("jane  sm", ["Jane"]),
    ("jane smi th", []),
    (" ", ["Jamie", "Jane"]),
    ("_", []),
]


def test_names_are_found_by_the_beginning_of_a_word(three: Firm) -> None:
    for prefix, found in PREFIXES:
        page = three.post("/client/people.searchByName", {"prefix": prefix, "personType": "staff"})
        assert [one["fullName"].split()[0] for one in page["persons"]] == found, prefix
        assert page["total"] == len(found)


def test_case_accents_and_punctuation_do_not_hide_a_name(three: Firm) -> None:
    elodie = {"id": 3, "fullName": "Élodie Müller-O'Brien", "personType": "external", "isActive": True}
    for prefix in ("elo", "É", "mull", "o'b", "BRIEN", "müller-o"):
        page = three.post("/client/people.searchByName", {"prefix": prefix, "personType": "external"})
        assert page == {"persons": [elodie], "total": 1, "page": 1, "pageSize": 25}, prefix


def test_names_of_the_inactive_are_left_out_when_asked(three: Firm) -> None:
    three.call("DELETE", "/admin/person/1")
    wanted = {"prefix": "smi", "personType": "staff", "isActive": True, "page": 1, "pageSize": 25}
    assert [one["id"] for one in three.post("/client/people.searchByName", wanted)["persons"]] == [2]


def test_a_search_by_name_needs_a_person_type(firm: Firm) -> None:
    refused = firm.call("POST", "/client/people.searchByName", {"prefix": "smi"})
    assert refused.status_code == 400
    assert refused.json()["errors"] == [{"path": "personType", "message": "required"}]


def test_people_are_answered_in_the_order_asked_each_once(three: Firm) -> None:
    got = three.post("/client/people.get", [3, "AAD-1f2c", 99, 1, "nobody", 2, 3, "1"])
    assert [one["id"] for one in got] == [3, 1, 2]
    assert three.post("/client/people.get", []) == []


def test_invalid_ids_are_refused(firm: Firm) -> None:
    bodies: list[Any] = [{}, [0], [1.5], [None], [2**53], list(range(1, 10_002))]
    for body in bodies:
        assert firm.call("POST", "/client/people.get", body).status_code == 400


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"personTyp": "staff"}, "personTyp"),
    ({"personType": "robot"}, "personType"),
    ({"personIds": [1, "1"]}, "personIds[1]"),
    ({"pageSize": 1001}, "pageSize"),
    ({"page": 0}, "page"),
    ({"retentionGroupId": 0}, "retentionGroupId"),
]


def test_an_invalid_search_names_the_field(firm: Firm) -> None:
    for wanted, path in REFUSED:
        refused = firm.call("POST", "/client/people.search", wanted)
        assert (refused.status_code, refused.json()["errors"][0]["path"]) == (400, path)


def test_people_need_their_right(firm: Firm) -> None:
    firm.add_user("other", [Right.ENDPOINTS_VIEW, Right.PEOPLE_EDIT])
    for path in ("people.search", "people.searchByName", "people.get"):
        refused = firm.call("POST", f"/client/{path}", {}, as_user="other")
        assert (refused.status_code, refused.json()["right"]) == (403, "People.View")


def test_people_that_recordings_name_are_added(firm: Firm) -> None:
    named = [endpoint("447896423595", subject=True, person=person("Ann Reed", thirdPartyId="X-1"))]
    assert firm.send(call(endpoints=named)).is_success
    [ann] = firm.post("/client/people.get", ["X-1"])
    assert (ann["fullName"], ann["personType"], ann["endpoints"][0]["endpoint"]) == (
        "Ann Reed",
        "staff",
        "447896423595",
    )
