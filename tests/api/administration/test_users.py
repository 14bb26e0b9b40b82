"""Administration of users and API keys: what can be changed, and that nobody can give what they lack."""

from typing import Any

import pytest
from sqlalchemy import select

from earwitness.archive.people.people import add_person
from earwitness.archive.schema.people import users
from earwitness.archive.schema.work import audit_headers, audit_rows
from earwitness.kernel.rights import Right, Role
from tests.firm import ADMIN, CLIENT_ID, Firm, endpoint, person

USERS, KEYS, POLICIES = "/admin/user", "/admin/apiKey", "/admin/accessPolicy"


def refused(firm: Firm, method: str, path: str, body: Any = None, *, as_user: str = ADMIN) -> tuple[int, str]:
    response = firm.call(method, path, body, as_user=as_user)
    return response.status_code, response.json()["detail"]


def user(firm: Firm, user_id: int) -> dict[str, Any]:
    (found,) = [one for one in firm.get(USERS) if one["id"] == user_id]
    return dict(found)


def policy(firm: Firm, name: str, **conditions: Any) -> int:
    added: int = firm.post(POLICIES, {"name": name, **(conditions or {"communicationTypes": ["sms"]})})["id"]
    return added


def sign_in(firm: Firm, username: str, api_key: str) -> int:
    body = {"clientId": CLIENT_ID, "username": username, "apiKey": api_key}
    return firm.client.post("/api/authWithApiKey", json=body).status_code


def test_an_added_user_signs_in_with_a_key_made_for_it(firm: Firm) -> None:
    with firm.archive.write() as connection:
        person_id = add_person(connection, full_name="Jane", person_type="staff")
    policy(firm, "sms only")
    body = {
        "username": "jane",
        "fullName": "Jane Smith",
        "email": "jane@example.com",
        "externalId": "AAD-1",
        "personId": person_id,
        "rolesAndRights": ["Standard User", "Recording.Audit.View"],
        "policies": ["sms only"],
        "sso": True,
        "audioPlayback": "download",
    }
    response = firm.call("POST", USERS, body)
    assert response.status_code == 201
    user_id = response.json()["id"]
    expected = {"id": user_id, "clientId": CLIENT_ID, "isActive": True, "isLocked": False}
    assert user(firm, user_id) == {**body, **expected, "lastLoginTime": None}

    made = firm.call("POST", KEYS, {"userId": user_id})
    assert made.status_code == 201
    assert set(made.json()) == {"id", "apiKey"}
    firm.keys["jane"] = made.json()["apiKey"]
    assert firm.search(as_user="jane") == []


def test_the_list_shows_keys_in_force_and_never_a_key(firm: Firm) -> None:
    bob = firm.post(USERS, {"username": "bob", "rolesAndRights": []})["id"]
    made = firm.post(KEYS, {"userId": bob})
    response = firm.call("GET", KEYS)
    assert [(key["userId"], key["username"]) for key in response.json()] == [(1, ADMIN), (bob, "bob")]
    assert set(response.json()[1]) == {"id", "userId", "username", "createdAt"}
    assert response.headers["X-Total-Count"] == "2"
    assert made["apiKey"] not in response.text
    firm.call("DELETE", f"{KEYS}/{made['id']}")
    assert [key["username"] for key in firm.get(KEYS)] == [ADMIN]


def test_a_revoked_key_and_its_tokens_stop_at_once_and_others_go_on(firm: Firm) -> None:
    bob = firm.add_user("bob", [Right.RECORDING_VIEW])
    second = firm.post(KEYS, {"userId": bob})
    firm.search(as_user="bob")
    first = next(key["id"] for key in firm.get(KEYS) if key["userId"] == bob)
    assert firm.call("DELETE", f"{KEYS}/{first}").json() == {"id": first}
    assert firm.call("POST", "/client/recording.search", {}, as_user="bob").status_code == 401
    assert sign_in(firm, "bob", firm.keys["bob"]) == 401
    assert sign_in(firm, "bob", second["apiKey"]) == 200
    assert firm.call("DELETE", f"{KEYS}/{first}").status_code == 404
    assert firm.call("DELETE", f"{KEYS}/999").status_code == 404


def test_a_change_leaves_what_is_left_out(firm: Firm) -> None:
    with firm.archive.write() as connection:
        person_id = add_person(connection, full_name="Jane", person_type="staff")
    body = {"username": "jane", "email": "j@example.com", "externalId": "x", "personId": person_id}
    jane = firm.post(USERS, {**body, "rolesAndRights": ["Recording.View", "Standard User"]})["id"]
    before = user(firm, jane)
    assert before["fullName"] == "jane"

    path = f"{USERS}/{jane}"
    changed = firm.call("PUT", path, {"fullName": "Jane S", "rolesAndRights": ["Recorder"]}).json()
    assert changed == {**before, "fullName": "Jane S", "rolesAndRights": ["Recorder"]} == user(firm, jane)
    cleared = firm.call("PUT", path, {"email": "", "externalId": "", "personId": None}).json()
    assert cleared == {**changed, "email": None, "externalId": None, "personId": None}
    assert firm.call("PUT", path, {"username": "JANE", "sso": None}).json()["username"] == "JANE"
    assert firm.call("PUT", path, {}).status_code == 200


def test_a_locked_user_is_out_at_once_and_back_when_unlocked(firm: Firm) -> None:
    bob = firm.add_user("bob", [Right.RECORDING_VIEW])
    firm.search(as_user="bob")
    firm.call("PUT", f"{USERS}/{bob}", {"isLocked": True})
    assert firm.call("POST", "/client/recording.search", {}, as_user="bob").status_code == 401
    assert sign_in(firm, "bob", firm.keys["bob"]) == 401
    firm.call("PUT", f"{USERS}/{bob}", {"isLocked": False})
    assert firm.call("POST", "/client/recording.search", {}, as_user="bob").status_code == 200


def test_an_ended_user_stays_listed_and_its_keys_do_not_come_back(firm: Firm) -> None:
    bob = firm.add_user("bob", [Right.RECORDING_VIEW])
    assert firm.call("DELETE", f"{USERS}/{bob}").json() == {"id": bob}
    assert user(firm, bob)["isActive"] is False
    assert sign_in(firm, "bob", firm.keys["bob"]) == 401
    assert firm.call("POST", KEYS, {"userId": bob}).status_code == 409
    assert firm.call("POST", USERS, {"username": "Bob", "rolesAndRights": []}).status_code == 409
    firm.call("PUT", f"{USERS}/{bob}", {"isActive": True})
    assert sign_in(firm, "bob", firm.keys["bob"]) == 401
    assert firm.call("DELETE", f"{USERS}/999").status_code == 404


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"username": "x"}, "rolesAndRights"),
        ({"username": "  ", "rolesAndRights": []}, "username"),
        ({"username": "x", "rolesAndRights": ["Recording.View", "Recording.Veiw"]}, "rolesAndRights[1]"),
        ({"username": "x", "rolesAndRights": [], "policies": ["none such"]}, "policies[0]"),
        ({"username": "x", "rolesAndRights": [], "personId": 999}, "personId"),
        ({"username": "x", "rolesAndRights": [], "isActive": True}, "isActive"),
    ],
)
def test_invalid_values_are_named(firm: Firm, body: dict[str, Any], path: str) -> None:
    response = firm.call("POST", USERS, body)
    assert response.status_code == 400
    assert [fault["path"] for fault in response.json()["errors"]] == [path]
    assert [one["username"] for one in firm.get(USERS)] == [ADMIN]


def test_changes_are_checked_as_additions_are(firm: Firm) -> None:
    bob = firm.add_user("bob", [])
    for body in ({"username": " "}, {"rolesAndRights": ["Nobody"]}, {"personId": 999}, {"policies": ["?"]}):
        assert firm.call("PUT", f"{USERS}/{bob}", body).status_code == 400
    assert firm.call("PUT", f"{USERS}/{bob}", {"username": ADMIN.upper()}).status_code == 409
    assert firm.call("PUT", f"{USERS}/999", {"isLocked": True}).status_code == 404
    assert firm.call("POST", KEYS, {"userId": 999}).status_code == 400
    assert user(firm, bob)["username"] == "bob"


def test_nobody_gives_a_right_they_lack(firm: Firm) -> None:
    firm.add_user("editor", [Right.USERS_EDIT, Right.RECORDING_VIEW])
    bob = firm.add_user("bob", [Right.RECORDING_VIEW])

    def give(*names: str) -> tuple[int, str]:
        body = {"username": f"new {names}", "rolesAndRights": names}
        added = refused(firm, "POST", USERS, body, as_user="editor")
        changed = refused(firm, "PUT", f"{USERS}/{bob}", {"rolesAndRights": names}, as_user="editor")
        assert added == changed
        return added

    assert give("Recording.View", "Recording.Play") == (
        403,
        "This goes beyond your own rights: Recording.Play.",
    )
    status, detail = give("Standard User")
    assert status == 403
    assert "Standard User (Recording.Comment.Edit, Recording.Comment.View, Recording.Play" in detail
    assert give("Admin")[0] == 403
    assert user(firm, bob)["rolesAndRights"] == ["Recording.View"]
    body = {"username": "same", "rolesAndRights": ["Recording.View", "Users.Edit"]}
    assert firm.call("POST", USERS, body, as_user="editor").status_code == 201


def test_from_users_who_hold_more_rights_can_only_be_taken_away(firm: Firm) -> None:
    firm.add_user("desk", [Right.USERS_EDIT])
    analyst = firm.add_user("analyst", [Role.COMPLIANCE], email="a@example.com")
    key = next(one["id"] for one in firm.get(KEYS) if one["userId"] == analyst)
    path = f"{USERS}/{analyst}"

    def change(**body: Any) -> int:
        return firm.call("PUT", path, body, as_user="desk").status_code

    assert firm.call("POST", KEYS, {"userId": analyst}, as_user="desk").status_code == 403
    assert change(email="desk@example.com") == 403
    assert change(externalId="desk") == 403
    assert change(username="other") == 403
    assert change(isActive=True, isLocked=False, email="a@example.com") == 200  # all as it is
    assert change(isLocked=True) == 200
    assert change(isLocked=False) == 403
    assert change(isActive=False) == 200
    assert change(isActive=True) == 403
    assert change(rolesAndRights=["Recording.View", "Recording.Ingest"]) == 403
    assert change(rolesAndRights=["Recording.View"]) == 200
    assert firm.call("DELETE", f"{KEYS}/{key}", as_user="desk").status_code == 200
    assert firm.call("DELETE", path, as_user="desk").status_code == 200


def test_a_user_with_policies_cannot_give_wider_ones(firm: Firm) -> None:
    policy(firm, "support", dataGroups={"Department": ["Support"]})
    policy(firm, "sales", dataGroups={"Department": ["Sales"]})
    policy(firm, "other")
    editor = firm.add_user("editor", [Role.ADMIN])
    free, limited = firm.add_user("free", []), firm.add_user("limited", [])
    firm.call("PUT", f"{USERS}/{editor}", {"policies": ["support", "sales"]})
    firm.call("PUT", f"{USERS}/{limited}", {"policies": ["support", "other"]})

    def add(*policies: str) -> tuple[int, str]:
        body = {"username": f"new {policies}", "rolesAndRights": [], "policies": policies}
        response = firm.call("POST", USERS, body, as_user="editor")
        return response.status_code, response.json().get("detail", "")

    def put(user_id: int, *policies: str) -> int:
        body = {"policies": policies}
        return firm.call("PUT", f"{USERS}/{user_id}", body, as_user="editor").status_code

    message = "This goes beyond the access policies that limit you: support, sales."
    assert add() == (403, message)
    assert add("support", "other") == (403, message)
    assert add("sales")[0] == 201
    assert add("support", "sales")[0] == 201
    assert put(editor) == 403, "their own limit stays on them"
    assert put(editor, "support") == 200
    assert put(free, "other") == 200, "it had no limit before"
    assert put(limited, "other") == 200, "it takes one away"
    assert put(limited, "sales") == 403, "which the editor has taken from themselves"
    assert put(limited, "support") == 200
    assert firm.call("POST", KEYS, {"userId": free}, as_user="editor").status_code == 403
    assert firm.call("POST", KEYS, {"userId": limited}, as_user="editor").status_code == 201


def test_nobody_sees_private_recordings_by_taking_another_name(firm: Firm) -> None:
    parts = [endpoint("1", subject=True, user="boss", person=person("The Boss")), endpoint("2")]
    firm.ingest(thirdPartyId="secret", isPrivate=True, endpoints=parts)
    boss = firm.post("/client/people.search", {"emails": ["the.boss@example.com"]})["persons"][0]["id"]
    editor = firm.add_user("editor", [Right.USERS_EDIT, Right.RECORDING_VIEW])
    body = {"rolesAndRights": ["Recording.View"]}

    for more in ({"personId": boss}, {"username": "BOSS"}):
        status, detail = refused(firm, "POST", USERS, {"username": "x", **body, **more}, as_user="editor")
        assert (status, "Recording.Private.View" in detail) == (403, True)
        assert firm.call("PUT", f"{USERS}/{editor}", more, as_user="editor").status_code == 403
    as_boss = firm.post(USERS, {**body, "username": "boss"})["id"]
    assert firm.call("POST", KEYS, {"userId": as_boss}, as_user="editor").status_code == 403
    assert firm.search(as_user="editor") == []
    assert firm.call("POST", USERS, {**body, "username": "y"}, as_user="editor").status_code == 201


def test_the_last_active_admin_stays(firm: Firm) -> None:
    me = f"{USERS}/1"
    for body in ({"isActive": False}, {"isLocked": True}, {"rolesAndRights": ["Compliance"]}):
        response = firm.call("PUT", me, body)
        assert (response.status_code, response.json()["code"]) == (409, "last-admin")
    assert firm.call("DELETE", me).status_code == 409
    assert firm.search() == []

    second = firm.add_user("second", [Role.ADMIN])
    assert firm.call("PUT", f"{USERS}/{second}", {"isLocked": True}).status_code == 200
    assert firm.call("DELETE", me).status_code == 409, "one who is locked is no active Admin"
    firm.call("PUT", f"{USERS}/{second}", {"isLocked": False})
    assert firm.call("PUT", me, {"rolesAndRights": []}).status_code == 200
    assert firm.call("DELETE", f"{USERS}/{second}", as_user="second").status_code == 409
    assert firm.call("PUT", me, {"isLocked": True}, as_user="second").status_code == 200


def test_lists_are_open_to_those_who_view_or_edit_and_changes_to_those_who_edit(firm: Firm) -> None:
    firm.add_user("viewer", [Right.USERS_VIEW])
    firm.add_user("editor", [Right.USERS_EDIT])
    firm.add_user("neither", [Right.PEOPLE_VIEW])
    for path in (USERS, KEYS, POLICIES):
        assert firm.call("GET", path, as_user="viewer").status_code == 200
        assert firm.call("GET", path, as_user="editor").status_code == 200
        response = firm.call("GET", path, as_user="neither")
        assert (response.status_code, response.json()["right"]) == (403, "Users.View or Users.Edit")
        for method, of_one in (("POST", ""), ("PUT", "/1"), ("DELETE", "/1")):
            if (path, method) != (KEYS, "PUT"):
                response = firm.call(method, path + of_one, as_user="viewer")
                assert (response.status_code, response.json()["right"]) == (403, "Users.Edit")


def test_the_ledger_has_each_change_and_no_key(firm: Firm) -> None:
    added = {"username": "bob", "rolesAndRights": ["Recording.View"]}
    bob = firm.post(USERS, added)["id"]
    key = firm.post(KEYS, {"userId": bob})
    firm.call("PUT", f"{USERS}/{bob}", {"isLocked": True, "personId": None, "email": ""})
    firm.call("PUT", f"{USERS}/1", {"isActive": False})
    firm.call("DELETE", f"{USERS}/{bob}")
    with firm.archive.read() as connection:
        rows = connection.execute(
            select(
                audit_headers.c.username,
                audit_headers.c.description,
                audit_rows.c.entity_name,
                audit_rows.c.entity_id,
                audit_rows.c.metadata,
                audit_rows.c.response_code,
            )
            .join(audit_rows, audit_rows.c.audit_header_id == audit_headers.c.id)
            .where(audit_rows.c.entity_name.not_in(["Account", "SignIn"]))
            .order_by(audit_rows.c.id)
        ).all()
        known = connection.scalars(select(users.c.id).order_by(users.c.id)).all()
    ended = {"isActive": False, "revokedApiKeyIds": [key["id"]]}
    locked = {"isLocked": True, "personId": None, "email": ""}
    assert [tuple(row)[2:] for row in rows] == [
        ("User", bob, added, 201),
        ("ApiKey", key["id"], {"username": "bob"}, 201),
        ("User", bob, locked, 200),
        ("User", bob, ended, 200),
        ("ApiKey", key["id"], {"revoked": True}, 200),
    ]
    assert {row.username for row in rows} == {ADMIN}
    assert key["apiKey"] not in repr(rows)
    assert known == [1, bob]
