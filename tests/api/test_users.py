"""Search users."""

import time
from typing import Any

import pytest
from sqlalchemy import update

from earwitness.archive.people.people import add_person
from earwitness.archive.schema.people import users
from earwitness.kernel.clock import parse_ms
from earwitness.kernel.rights import Right, Role
from tests.firm import ADMIN, CLIENT_ID, Firm

SEARCH = "/client/user/search"


def found(firm: Firm, **wanted: Any) -> list[str]:
    return [user["username"] for user in firm.post(SEARCH, wanted)["users"]]


def signed_in_at(firm: Firm, username: str, moment: str | None) -> None:
    at = None if moment is None else parse_ms(moment)
    with firm.archive.write() as connection:
        connection.execute(update(users).where(users.c.username == username).values(last_login_at=at))


def test_a_user_is_shown_as_documented(firm: Firm) -> None:
    with firm.archive.write() as connection:
        person_id = add_person(connection, full_name="Alice Adams", person_type="staff")
    user_id = firm.add_user(
        "alice@example.com",
        ["Admin", "Recording.View", "Recording.Play"],
        full_name="Alice Adams",
        email="alice@example.com",
        external_id="AAD-9f3a",
        person_id=person_id,
        sso=True,
    )
    firm.post("/admin/accessPolicy", {"name": "default-retention", "communicationTypes": ["phone"]})
    firm.call("PUT", f"/admin/user/{user_id}", {"policies": ["default-retention"]})
    signed_in_at(firm, "alice@example.com", "2026-05-12T08:14:00Z")
    assert firm.post(SEARCH, {"userId": user_id}) == {
        "users": [
            {
                "id": user_id,
                "fullName": "Alice Adams",
                "username": "alice@example.com",
                "email": "alice@example.com",
                "externalId": "AAD-9f3a",
                "personId": person_id,
                "clientId": CLIENT_ID,
                "isActive": True,
                "isLocked": False,
                "sso": True,
                "lastLoginTime": "2026-05-12T08:14:00.000Z",
                "rolesAndRights": ["Admin", "Recording.View", "Recording.Play"],
                "policies": ["default-retention"],
                "audioPlayback": "streaming",
            }
        ],
        "total": 1,
        "page": 1,
        "pageSize": 1000,
    }


def test_a_user_who_never_signed_in_has_no_time_and_its_name_for_a_full_name(firm: Firm) -> None:
    firm.add_user("recorder-1", [Role.RECORDER])
    (user,) = firm.post(SEARCH, {"username": "RECORDER-1"})["users"]
    assert user["fullName"] == "recorder-1"
    absent = ("email", "externalId", "personId", "lastLoginTime")
    assert {name: user[name] for name in absent} == dict.fromkeys(absent)
    assert (user["sso"], user["policies"]) == (False, [])


def test_signing_in_is_remembered(firm: Firm) -> None:
    before = int(time.time() * 1000)
    (user,) = firm.post(SEARCH, {"username": ADMIN})["users"]
    assert parse_ms(user["lastLoginTime"]) >= before - 1000


def test_a_username_matches_exactly_except_for_case(firm: Firm) -> None:
    firm.add_user("Straße@example.com", [])
    assert found(firm, username="STRASSE@EXAMPLE.COM") == ["Straße@example.com"]
    assert found(firm, username="straße@example") == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("zoe", ["zoe"]),
        ("ZOÉ bron", ["zoe"]),
        ("bronte zoe@", ["zoe"]),
        ("aad-77", ["bob"]),
        ("example.com", ["bob", "zoe"]),
        ("example.com zoe bob", []),
        ("100%", []),
        ("_", []),
        ("  ", ["bob", "zoe", ADMIN]),
    ],
)
def test_every_word_of_free_text_is_in_some_field(firm: Firm, text: str, names: list[str]) -> None:
    firm.call("PUT", "/admin/user/1", {"email": ""})
    firm.add_user("zoe", [], full_name="Zoë Brontë", email="zoe@Example.com")
    firm.add_user("bob", [], full_name="Bob Brown", email="b@example.com", external_id="AAD-77x")
    expected = {*names} | ({ADMIN} if text == "example.com" else set())
    assert set(found(firm, freeText=text)) == expected


def test_very_many_words_are_answered(firm: Firm) -> None:
    names = [chr(0x4E00 + number) for number in range(5_000)]
    firm.add_user("many", [], full_name="".join(names))
    for count in (400, 500, 501, 5_000):
        assert found(firm, freeText=" ".join(names[:count])) == ["many"]
        assert found(firm, freeText=" ".join([*names[:count], "nobody"])) == []


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (["Recording.Play"], [ADMIN, "analyst", "player", "standard"]),
        (["Recording.Play", "Recording.Audit.View"], [ADMIN, "analyst"]),
        (["Standard User"], ["standard"]),
        (["Standard User", "Recording.View"], ["standard"]),
        (["Admin"], [ADMIN]),
        (["Recording.Play", "Recording.Fly"], []),
        (["admin"], []),
        ([], [ADMIN, "analyst", "nobody", "player", "standard"]),
    ],
)
def test_all_rights_asked_for_are_held_directly_or_through_a_role(
    firm: Firm, wanted: list[str], names: list[str]
) -> None:
    firm.add_user("analyst", [Role.COMPLIANCE])
    firm.add_user("player", [Right.RECORDING_PLAY])
    firm.add_user("standard", [Role.STANDARD_USER])
    firm.add_user("nobody", [])
    assert sorted(found(firm, rolesAndRights=wanted)) == sorted(names)


def test_very_many_rights_asked_for_are_answered(firm: Firm) -> None:
    assert found(firm, rolesAndRights=["Recording.View"] * 9_999) == [ADMIN]
    assert found(firm, rolesAndRights=[f"Right.{index}" for index in range(9_999)]) == []


def test_active_locked_and_without_a_person(firm: Firm) -> None:
    with firm.archive.write() as connection:
        person_id = add_person(connection, full_name="Ann", person_type="staff")
    firm.add_user("with-person", [], person_id=person_id)
    gone, locked = firm.add_user("gone", []), firm.add_user("locked", [])
    firm.call("DELETE", f"/admin/user/{gone}")
    firm.call("PUT", f"/admin/user/{locked}", {"isLocked": True})
    assert found(firm, isActive=False) == ["gone"]
    assert found(firm, isActive=True) == [ADMIN, "with-person", "locked"]
    assert found(firm, isLocked=True) == ["locked"]
    assert found(firm, isLocked=False, isActive=True) == [ADMIN, "with-person"]
    assert found(firm, onlyReturnNonAssociated=True) == [ADMIN, "gone", "locked"]
    assert found(firm, onlyReturnNonAssociated=False) == [ADMIN, "with-person", "gone", "locked"]


def test_the_order_is_as_asked_and_missing_values_come_last(firm: Firm) -> None:
    firm.add_user("b", [], full_name="Émile", email="x@example.com")
    firm.add_user("C", [], full_name="adam")
    firm.add_user("a", [], full_name="Zoe", email="A@example.com")
    firm.call("PUT", "/admin/user/1", {"username": "admin", "fullName": "Nora"})
    signed_in_at(firm, "admin", None)
    signed_in_at(firm, "C", "2026-05-12T08:00:00Z")
    signed_in_at(firm, "a", "2026-05-13T08:00:00Z")

    def ordered(name: str | None, direction: str | None = None) -> list[str]:
        return found(firm, searchOrderProperty={"property": name, "direction": direction})

    assert found(firm) == ordered("id") == ordered(None, "ASC") == ["admin", "b", "C", "a"]
    assert ordered(None, "DESC") == ["a", "C", "b", "admin"]
    assert ordered("username") == ["a", "admin", "b", "C"]
    assert ordered("fullName", "ASC") == ["C", "b", "admin", "a"]
    assert ordered("fullName", "DESC") == ["a", "admin", "b", "C"]
    assert ordered("email") == ["a", "b", "admin", "C"]
    assert ordered("email", "DESC") == ["b", "a", "C", "admin"]
    assert ordered("lastLoginTime") == ["C", "a", "admin", "b"]
    assert ordered("lastLoginTime", "DESC") == ["a", "C", "b", "admin"]


def test_pages_and_the_true_total_past_the_end(firm: Firm) -> None:
    for index in range(4):
        firm.add_user(f"user-{index}", [])
    page = firm.post(SEARCH, {"page": 2, "pageSize": 2})
    assert [user["username"] for user in page["users"]] == ["user-1", "user-2"]
    assert (page["total"], page["page"], page["pageSize"]) == (5, 2, 2)
    beyond = firm.post(SEARCH, {"page": 2**53 - 1, "pageSize": 1000})
    assert (beyond["users"], beyond["total"]) == ([], 5)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"userId": 0}, "userId"),
        ({"userid": 1}, "userid"),
        ({"isActive": "yes"}, "isActive"),
        ({"pageSize": 1001}, "pageSize"),
        ({"searchOrderProperty": {"property": "password"}}, "searchOrderProperty.property"),
        ({"searchOrderProperty": "id"}, "searchOrderProperty"),
    ],
)
def test_invalid_filters_are_named(firm: Firm, body: dict[str, Any], path: str) -> None:
    response = firm.call("POST", SEARCH, body)
    assert response.status_code == 400
    assert [fault["path"] for fault in response.json()["errors"]] == [path]


def test_searching_needs_its_right(firm: Firm) -> None:
    firm.add_user("editor", [Right.USERS_EDIT])
    response = firm.call("POST", SEARCH, {}, as_user="editor")
    assert (response.status_code, response.json()["right"]) == (403, "Users.View")
