"""User names: all spellings are one user; old users whose names look alike stay separate."""

import pytest

from earwitness.archive.access.users import add_api_key
from earwitness.kernel.rights import Right
from tests.firm import CLIENT_ID, Firm, endpoint
from tests.old_archives import OldTables

SEES = [Right.RECORDING_VIEW]
USERS = "/admin/user"


def sign_in(firm: Firm, username: str, api_key: str) -> int:
    body = {"clientId": CLIENT_ID, "username": username, "apiKey": api_key}
    return firm.client.post("/api/authWithApiKey", json=body).status_code


def ingest(firm: Firm, third_party_id: str, user: str) -> None:
    subject = endpoint("1000", user=user, subject=True)
    firm.ingest(thirdPartyId=third_party_id, isPrivate=True, endpoints=[subject])


SPELLINGS = ["josé@example.com", "JOSE\u0301@EXAMPLE.COM", "ｊosé@example\u200b.com", " josé@example.com"]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_all_spellings_of_a_user_name_are_one(firm: Firm, spelling: str) -> None:
    jose = firm.add_user(SPELLINGS[0], SEES)
    firm.add_user("jose@example.com", SEES)
    assert sign_in(firm, spelling, firm.keys[SPELLINGS[0]]) < 300
    assert sign_in(firm, spelling, firm.keys["jose@example.com"]) == 401
    assert firm.call("POST", USERS, {"username": spelling, "rolesAndRights": []}).status_code == 409
    assert [one["id"] for one in firm.post("/client/user/search", {"username": spelling})["users"]] == [jose]
    ingest(firm, "theirs", spelling)
    assert firm.search(as_user=SPELLINGS[0]) == ["theirs"]
    assert firm.search(as_user="jose@example.com") == []
    assert firm.search(userIds={"include": [jose]}) == ["theirs"]


@pytest.mark.parametrize("nothing", ["\u200b", " \u2060\ufeff", "\u3164"])
def test_a_name_of_invisible_characters_is_refused(firm: Firm, nothing: str) -> None:
    """Its user would have taken part wherever a source names no user."""
    refused = firm.call("POST", USERS, {"username": nothing, "rolesAndRights": []})
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["path"] == "username"
    bob = firm.post(USERS, {"username": "bob", "rolesAndRights": []})["id"]
    assert firm.call("PUT", f"{USERS}/{bob}", {"username": nothing}).status_code == 400


# Look-alikes: they were added when only the case of user names was folded

PLAIN, WIDE, ALSO, BOB = "jane", "ｊane", "ｊａｎｅ", "BOB\u200b"


Upgraded = tuple[Firm, dict[str, int]]


@pytest.fixture
def upgraded(old_tables: OldTables) -> Upgraded:
    """Two users who look alike and two who do not, with a private recording each, after the upgrade."""
    ids = {}
    for name in (PLAIN, WIDE, BOB, "\u200b"):
        row = {"username": name, "username_folded": name.casefold(), "full_name": name}
        ids[name] = old_tables.insert("users", **row, audio_playback="streaming", created_at=0)
        old_tables.insert("user_roles_and_rights", user_id=ids[name], ordinal=0, name=Right.RECORDING_VIEW)
    number = old_tables.endpoint("phone", "1000", "1000")
    for user in (PLAIN, WIDE, WIDE.upper(), ALSO, "bob", BOB, "", "\u2060"):
        position = old_tables.recording(f"of {user}", is_private=True)
        old_tables.took_part(position, 0, number, user=user, user_folded=user.casefold())
    firm = old_tables.upgrade()
    with firm.archive.write() as connection:
        for name, user_id in ids.items():
            _, firm.keys[name] = add_api_key(connection, user_id)
    return firm, ids


def test_users_who_look_alike_sign_in_each_with_its_spelling(upgraded: Upgraded) -> None:
    firm, ids = upgraded
    for name in (PLAIN, WIDE):
        other = WIDE if name == PLAIN else PLAIN
        assert sign_in(firm, name, firm.keys[name]) < 300
        assert sign_in(firm, name.upper(), firm.keys[name]) < 300
        assert sign_in(firm, other, firm.keys[name]) == 401
        assert sign_in(firm, ALSO, firm.keys[name]) == 401
        found = firm.post("/client/user/search", {"username": name})["users"]
        assert [one["id"] for one in found] == [ids[name]]
    assert sign_in(firm, "bob", firm.keys[BOB]) < 300


def test_users_who_look_alike_do_not_see_each_others_private_recordings(upgraded: Upgraded) -> None:
    firm, ids = upgraded
    of_plain, of_wide = {f"of {PLAIN}"}, {f"of {WIDE}", f"of {WIDE.upper()}"}
    assert set(firm.search(as_user=PLAIN)) == set(firm.search(userIds={"include": [ids[PLAIN]]})) == of_plain
    assert set(firm.search(as_user=WIDE)) == set(firm.search(userIds={"include": [ids[WIDE]]})) == of_wide
    ingest(firm, "new of plain", PLAIN.upper())
    ingest(firm, "new of wide", WIDE)
    ingest(firm, "new of nobody", ALSO)
    assert set(firm.search(as_user=PLAIN)) == {*of_plain, "new of plain"}
    assert set(firm.search(as_user=WIDE)) == {*of_wide, "new of wide"}
    assert set(firm.search(as_user=BOB)) == {"of bob", f"of {BOB}"}
    assert firm.search(as_user="\u200b") == []


@pytest.mark.parametrize("spelling", [PLAIN, WIDE, ALSO, "JANE\u200b"])
def test_no_further_user_who_looks_alike_can_be_added(upgraded: Upgraded, spelling: str) -> None:
    firm, ids = upgraded
    assert firm.call("POST", USERS, {"username": spelling, "rolesAndRights": []}).status_code == 409
    assert firm.call("PUT", f"{USERS}/{ids[BOB]}", {"username": spelling}).status_code == 409


def test_a_user_who_looks_like_another_can_be_renamed(upgraded: Upgraded) -> None:
    firm, ids = upgraded
    assert firm.call("PUT", f"{USERS}/{ids[WIDE]}", {"username": WIDE.upper()}).status_code == 200
    assert set(firm.search(as_user=WIDE)) == {f"of {WIDE}", f"of {WIDE.upper()}"}
    assert firm.call("PUT", f"{USERS}/{ids[WIDE]}", {"username": "jane 2"}).status_code == 200
    assert sign_in(firm, WIDE, firm.keys[WIDE]) == 401
    assert sign_in(firm, "Jane 2", firm.keys[WIDE]) < 300
    assert firm.search(as_user=PLAIN) == [f"of {PLAIN}"]
    assert firm.call("POST", USERS, {"username": WIDE, "rolesAndRights": []}).status_code == 409
