"""Retention groups: who is in which, and until when that keeps recordings."""

from typing import Any

import pytest
from sqlalchemy import select

from earwitness.archive.people.people import add_person
from earwitness.archive.schema.work import audit_rows
from earwitness.kernel.clock import MS_PER_DAY, format_ms, parse_ms
from earwitness.kernel.rights import Right
from tests.firm import Firm, endpoint, person

GROUPS = "/admin/retentionGroup"
END = parse_ms("2026-05-12T10:31:00Z")


def people_of(firm: Firm, *names: str) -> list[int]:
    with firm.archive.write() as connection:
        return [
            add_person(connection, full_name=name, person_type="staff", email=person(name)["email"])
            for name in names
        ]


def recorded(firm: Firm, name: str, *subjects: str, **metadata: Any) -> None:
    """Ingest a call of a minute whose subjects are these people."""
    parts = [endpoint(f"44789600{i}", subject=True, person=person(one)) for i, one in enumerate(subjects)]
    others = [endpoint("447700900111", originator=True)]
    firm.ingest(thirdPartyId=name, endpoints=parts + others, **metadata)


def kept(firm: Firm) -> dict[str, tuple[int | None, str | None]]:
    """By third-party id: the group that keeps a recording, and until when."""
    page = firm.post("/client/recording.search", {})
    return {one["thirdPartyId"]: (one["retentionGroupId"], one["retainUntil"]) for one in page["recordings"]}


def after(days: int) -> str:
    return format_ms(END + days * MS_PER_DAY)


def allow_shorter(firm: Firm) -> None:
    assert firm.call("PUT", "/admin/account", {"mayShortenRetention": True}).status_code == 200


def test_a_new_account_keeps_for_ever_and_has_no_groups(firm: Firm) -> None:
    assert firm.get(GROUPS) == {"accountDefault": {"default": None}, "retentionGroups": []}


def test_groups_are_listed_by_id_with_their_people_by_id(firm: Firm) -> None:
    first, second, third = people_of(firm, "Ann A", "Bob B", "Cid C")
    standard = {"default": 2555, "phone": 2555, "teams": 2555, "sms": 1095}
    group = {"name": "Standard 7 years", "retentionGroup": standard, "peopleIds": [third, first]}
    response = firm.call("POST", GROUPS, group)
    assert response.status_code == 201
    short = firm.post(GROUPS, {"name": "Short", "retentionGroup": {"default": 90}, "peopleIds": [second]})
    assert firm.get(GROUPS) == {
        "accountDefault": {"default": None},
        "retentionGroups": [
            {"id": response.json()["id"], **group, "peopleIds": [first, third]},
            {
                "id": short["id"],
                "name": "Short",
                "retentionGroup": {"default": 90},
                "peopleIds": [second],
            },
        ],
    }


def test_a_person_who_is_added_to_a_group_leaves_the_other_one(firm: Firm) -> None:
    ann, bob = people_of(firm, "Ann A", "Bob B")
    old = firm.post(GROUPS, {"name": "Old", "retentionGroup": {"default": 10}, "peopleIds": [ann, bob]})
    new = firm.post(GROUPS, {"name": "New", "retentionGroup": {"default": 20}, "peopleIds": [bob]})
    members = {group["id"]: group["peopleIds"] for group in firm.get(GROUPS)["retentionGroups"]}
    assert members == {old["id"]: [ann], new["id"]: [bob]}


def test_a_group_keeps_recordings_that_were_there_before_it(firm: Firm) -> None:
    recorded(firm, "call", "Jane Smith")
    recorded(firm, "other", "Bob Brown")
    firm.call("PUT", "/admin/account", {"mayShortenRetention": True})
    jane = firm.post("/client/people.search", {"emails": ["jane.smith@example.com"]})["persons"][0]["id"]
    group = firm.post(GROUPS, {"name": "G", "retentionGroup": {"default": 90}, "peopleIds": [jane]})
    assert kept(firm) == {"call": (group["id"], after(90)), "other": (None, None)}


def test_the_type_of_a_recording_has_its_own_days(firm: Firm) -> None:
    (jane,) = people_of(firm, "Jane Smith")
    days = {"default": 100, "phone": 10, "sms": None}
    group = firm.post(GROUPS, {"name": "G", "retentionGroup": days, "peopleIds": [jane]})["id"]
    recorded(firm, "phone", "Jane Smith")
    recorded(firm, "teams", "Jane Smith", type="teams")
    recorded(firm, "sms", "Jane Smith", type="sms", message="hello")
    expected = {"phone": (group, after(10)), "teams": (group, after(100)), "sms": (group, None)}
    assert kept(firm) == expected


def test_longer_days_reach_existing_recordings_and_shorter_ones_are_refused_whole(firm: Firm) -> None:
    jane, bob = people_of(firm, "Jane Smith", "Bob Brown")
    made = {"name": "G", "retentionGroup": {"default": 100, "phone": 100}, "peopleIds": [jane, bob]}
    group = firm.post(GROUPS, made)["id"]
    recorded(firm, "jane", "Jane Smith")
    recorded(firm, "bob", "Bob Brown", type="teams")

    longer = {"retentionGroup": {"default": 100, "phone": 200}}
    assert firm.call("PUT", f"{GROUPS}/{group}", longer).status_code == 200
    assert kept(firm) == {"jane": (group, after(200)), "bob": (group, after(100))}

    before = firm.get(GROUPS)
    shorter = {"name": "H", "retentionGroup": {"default": 99, "phone": 300}, "peopleIds": [bob]}
    response = firm.call("PUT", f"{GROUPS}/{group}", shorter)
    assert (response.status_code, response.json()["code"]) == (409, "retention-shortened")
    assert firm.get(GROUPS) == before
    assert kept(firm) == {"jane": (group, after(200)), "bob": (group, after(100))}

    allow_shorter(firm)
    assert firm.call("PUT", f"{GROUPS}/{group}", shorter).json()["peopleIds"] == [bob]
    assert kept(firm) == {"jane": (None, None), "bob": (group, after(99))}


def test_a_recording_kept_for_ever_is_not_given_an_end(firm: Firm) -> None:
    (jane,) = people_of(firm, "Jane Smith")
    recorded(firm, "call", "Jane Smith")
    group = {"name": "G", "retentionGroup": {"default": 36500}, "peopleIds": [jane]}
    assert firm.call("POST", GROUPS, group).status_code == 409
    assert firm.call("PUT", f"{GROUPS}/accountDefault", {"default": 36500}).status_code == 409
    assert firm.get(GROUPS) == {"accountDefault": {"default": None}, "retentionGroups": []}
    assert kept(firm) == {"call": (None, None)}


def test_a_deleted_group_leaves_its_people_to_the_account_default(firm: Firm) -> None:
    (jane,) = people_of(firm, "Jane Smith")
    group = firm.post(GROUPS, {"name": "G", "retentionGroup": {"default": 5}, "peopleIds": [jane]})["id"]
    recorded(firm, "call", "Jane Smith")
    assert kept(firm) == {"call": (group, after(5))}
    assert firm.call("DELETE", f"{GROUPS}/{group}").status_code == 200
    assert firm.get(GROUPS)["retentionGroups"] == []
    assert kept(firm) == {"call": (None, None)}
    assert firm.call("DELETE", f"{GROUPS}/{group}").status_code == 404


def test_the_account_default_keeps_those_in_no_group(firm: Firm) -> None:
    allow_shorter(firm)
    (jane,) = people_of(firm, "Jane Smith")
    group = firm.post(GROUPS, {"name": "G", "retentionGroup": {"default": 5}, "peopleIds": [jane]})["id"]
    recorded(firm, "jane", "Jane Smith")
    recorded(firm, "bob", "Bob Brown")
    recorded(firm, "nobody")
    default = {"default": 2555, "phone": 30}
    assert firm.call("PUT", f"{GROUPS}/accountDefault", default).json() == default
    assert firm.get(GROUPS)["accountDefault"] == default
    unknown = (None, after(30))
    assert kept(firm) == {"jane": (group, after(5)), "bob": unknown, "nobody": unknown}
    wrapped = {"retentionGroup": {"default": None}}
    assert firm.call("PUT", f"{GROUPS}/accountDefault", wrapped).json() == {"default": None}
    assert kept(firm)["bob"] == (None, None)


@pytest.mark.parametrize(
    ("days", "path"),
    [
        ({"default": 10, "phone": 0}, "retentionGroup.phone"),
        ({"default": -1}, "retentionGroup.default"),
        ({"default": 1.5}, "retentionGroup.default"),
        ({"default": True}, "retentionGroup.default"),
        ({"default": "90"}, "retentionGroup.default"),
        ({"default": 10**7}, "retentionGroup.default"),
        ({"phone": 10}, "retentionGroup.default"),
        ({"default": 10, "Phone": 10}, "retentionGroup.Phone"),
        (90, "retentionGroup"),
    ],
)
def test_invalid_days_are_named(firm: Firm, days: Any, path: str) -> None:
    response = firm.call("POST", GROUPS, {"name": "G", "retentionGroup": days})
    assert response.status_code == 400
    assert [fault["path"] for fault in response.json()["errors"]] == [path]
    assert firm.get(GROUPS)["retentionGroups"] == []


def test_people_and_names_are_checked(firm: Firm) -> None:
    (jane,) = people_of(firm, "Jane Smith")
    made = {"name": "G", "retentionGroup": {"default": 5}}
    response = firm.call("POST", GROUPS, {**made, "peopleIds": [jane, 999]})
    assert response.status_code == 400
    assert response.json()["errors"][0]["path"] == "peopleIds[1]"
    group = firm.post(GROUPS, made)["id"]
    assert firm.call("POST", GROUPS, made).status_code == 409
    assert firm.call("PUT", f"{GROUPS}/{group}", {"name": "G"}).status_code == 200
    assert firm.call("PUT", f"{GROUPS}/999", {"name": "H"}).status_code == 404
    assert firm.call("PUT", f"{GROUPS}/accountDefault", {"phone": 3}).status_code == 400
    assert firm.call("DELETE", f"{GROUPS}/accountDefault").status_code == 405


def test_viewing_and_changing_are_rights_of_their_own(firm: Firm) -> None:
    firm.add_user("viewer", [Right.RETENTION_GROUP_VIEW])
    firm.add_user("editor", [Right.RETENTION_GROUP_EDIT])
    made = {"name": "G", "retentionGroup": {"default": 5}}
    assert firm.get(GROUPS, as_user="viewer")["retentionGroups"] == []
    for method, path in [
        ("POST", GROUPS),
        ("PUT", f"{GROUPS}/1"),
        ("DELETE", f"{GROUPS}/1"),
        ("PUT", f"{GROUPS}/accountDefault"),
    ]:
        body = made if method == "POST" else {} if method == "PUT" else None
        response = firm.call(method, path, body, as_user="viewer")
        assert (response.status_code, response.json()["right"]) == (403, "RetentionGroup.Edit")
    assert firm.call("POST", GROUPS, made, as_user="editor").status_code == 201
    assert firm.call("GET", GROUPS, as_user="editor").json()["right"] == "RetentionGroup.View"


def test_each_change_is_in_the_ledger_and_a_refused_one_is_not(firm: Firm) -> None:
    (jane,) = people_of(firm, "Jane Smith")
    recorded(firm, "call", "Jane Smith")
    made = {"name": "G", "retentionGroup": {"default": None}, "peopleIds": [jane]}
    group = firm.post(GROUPS, made)["id"]
    firm.call("PUT", f"{GROUPS}/{group}", {"retentionGroup": {"default": 5}})
    firm.call("DELETE", f"{GROUPS}/{group}")
    firm.call("PUT", f"{GROUPS}/accountDefault", {"default": None, "sms": 7})
    with firm.archive.read() as connection:
        columns = audit_rows.c
        rows = connection.execute(
            select(columns.entity_name, columns.entity_id, columns.metadata)
            .where(columns.entity_name.not_in(["Recording", "SignIn"]), columns.metadata.is_not(None))
            .order_by(columns.id)
        ).all()
    assert [tuple(row) for row in rows] == [
        ("RetentionGroup", group, made),
        ("RetentionGroup", group, {"name": "G", "deleted": True}),
        ("Account", 1234567, {"accountDefault": {"default": None, "sms": 7}}),
    ]


def test_details_tell_the_days_of_each_recording_by_its_own_subjects(firm: Firm) -> None:
    ann, bob = people_of(firm, "Ann A", "Bob B")
    for person_id, days in ((ann, 30), (bob, 20)):
        firm.post(GROUPS, {"name": str(days), "retentionGroup": {"default": days}, "peopleIds": [person_id]})
    for number, subjects in enumerate([["Ann A"], ["Bob B"], ["Ann A", "Bob B"], ["Cid C"], []]):
        recorded(firm, f"call-{number}", *subjects)
    details = firm.post("/client/recording.detail.get", {"interactionIds": [5, 4, 3, 2, 1]})
    assert [one["metadata"]["retention"]["days"] for one in details] == [None, None, 30, 20, 30]
