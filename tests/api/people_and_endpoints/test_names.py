"""Names are found in any spelling: people, their addresses, the owners of endpoints, and users."""

import pytest

from earwitness.kernel.rights import Right
from tests.firm import Firm, endpoint, person
from tests.old_archives import OldTables

SEARCH_ENDPOINTS = "/client/people/endpoint/search"

NAMES = {
    "O’Neill": ["o'neill", "O’NEILL", "oneill", "O`Neill", "o´neill", "neill", "O'Ne"],
    "Mary\u2011Jane": ["mary-jane", "MARY\u2010JANE", "mary\u2013j", "mary\u2212jane", "mary jane", "jane"],
    "D'Angelo": ["d’angelo", "dangelo", "angelo", "dʼangelo"],
    "Anna-Maria": ["anna\u2011maria", "annä-maria", "anna\u00ad-maria", "a\u200bnna"],
    "Zo\u200bë": ["zoe", "ZOE\u0308", "ｚｏｅ"],
    "فاطمة علی": ["فاطمه", "علي", "فاطمة"],
    "OBrien": ["o'brien", "obrien", "o’b"],
}
TYPED = [(name, typed) for name, ways in NAMES.items() for typed in ways]


@pytest.fixture
def all_of_them(firm: Firm) -> Firm:
    for name in NAMES:
        added = {"fullName": name, "personType": "staff"}
        person_id = firm.post("/admin/person", added)["id"]
        firm.post("/admin/endpoint", {"type": "phone", "endpoint": f"{5550000 + person_id}"})
        firm.call("PUT", f"/admin/endpoint/{person_id}", {"ownedByPersonId": person_id})
        firm.add_user(f"user{person_id}", [], full_name=name)
    return firm


def test_a_name_is_found_in_any_spelling(all_of_them: Firm) -> None:
    for name, typed in TYPED:
        prefix = {"prefix": typed, "personType": "staff"}
        ahead = all_of_them.post("/client/people.searchByName", prefix)["persons"]
        found = all_of_them.post("/client/people.search", {"freeText": typed})["persons"]
        owned = all_of_them.post(SEARCH_ENDPOINTS, {"freeText": typed})
        known = all_of_them.post("/client/user/search", {"freeText": typed})["users"]
        assert [one["fullName"] for one in ahead] == [name], typed
        words_found = {one["fullName"] for one in found}
        assert name in words_found, typed
        assert len(words_found) == len(found) == len(owned), typed
        assert words_found == {one["fullName"] for one in known}, typed


def test_text_that_is_not_in_a_name_finds_nobody(all_of_them: Firm) -> None:
    for typed in ("'", "eill", "o neill", "maryjane", "طمه"):
        prefix = {"prefix": typed, "personType": "staff"}
        assert all_of_them.post("/client/people.searchByName", prefix)["total"] == 0, typed


def test_all_spellings_of_an_email_address_are_one(firm: Firm) -> None:
    ways = ["rené@example.com", "RENE\u0301@example.com", "ｒené@\u200bexample.com"]
    for number, way in enumerate(ways):
        subject = endpoint("1000", subject=True, person=person("René", email=way))
        firm.ingest(thirdPartyId=f"call-{number}", endpoints=[subject])
    firm.post("/admin/person", {"fullName": "Rene", "email": "rene@example.com"})
    for way in ways:
        [found] = firm.post("/client/people.search", {"emails": [way]})["persons"]
        assert found["fullName"] == "René"


def test_names_of_an_older_archive_are_folded_anew(old_tables: OldTables) -> None:
    was_right = {name: name.lower() for name in ("OBrien", "D'Angelo", "Anna-Maria")}
    for name in NAMES:
        folded = was_right.get(name)
        email = {"email": f"{name}@EXAMPLE.com", "email_folded": f"{folded}@example.com" if folded else "?"}
        old_tables.person(name, folded or "?", **email)
    firm = old_tables.upgrade()
    for name, typed in TYPED:
        prefix = {"prefix": typed, "personType": "staff"}
        ahead = firm.post("/client/people.searchByName", prefix)["persons"]
        assert [one["fullName"] for one in ahead] == [name], typed
        [found] = firm.post("/client/people.search", {"emails": [f"{name}@example.com"]})["persons"]
        assert found["fullName"] == name


def test_users_are_ordered_by_their_names_as_they_are_read(firm: Firm) -> None:
    for name in ("O’Neill b", "O'Neill a", "O'Neill c"):
        firm.add_user(name, [Right.RECORDING_VIEW])
    order = {"property": "username", "direction": "ASC"}
    found = firm.post("/client/user/search", {"freeText": "oneill", "searchOrderProperty": order})["users"]
    assert [one["username"][-1] for one in found] == ["a", "b", "c"]


REFUND = ["réclamation", "RE\u0301CLAMATION", "ｒéclamation", "récla\u200bmation"]


def test_all_encodings_of_a_tag_are_one(firm: Firm) -> None:
    for number, tag in enumerate(REFUND):
        firm.ingest(thirdPartyId=str(number), tags=[tag])
    firm.ingest(thirdPartyId="other", tags=["reclamation"])
    assert [one["tag"] for one in firm.get("/admin/tag")] == [REFUND[0], "reclamation"]
    assert set(firm.search(tagIds={"include": [1]})) == {"0", "1", "2", "3"}
    for tag in REFUND:
        assert firm.call("POST", "/admin/tag", {"tag": tag}).status_code == 409
        assert firm.call("PUT", "/admin/tag/2", {"tag": tag}).status_code == 409


def test_tags_of_an_older_archive_that_were_two_stay_two(old_tables: OldTables) -> None:
    for number, tag in enumerate(REFUND[1:], start=1):
        position = old_tables.recording(str(number))
        tag_id = old_tables.insert("tags", tag=tag, tag_folded=tag.casefold())
        assert tag_id == number
        old_tables.insert("recording_tags", position=position, ordinal=0, tag_id=tag_id)
    firm = old_tables.upgrade()
    for number, tag in enumerate(REFUND[1:], start=1):
        firm.ingest(thirdPartyId=f"new {number}", tags=[tag])
        assert set(firm.search(tagIds={"include": [number]})) == {str(number), f"new {number}"}
        assert firm.call("POST", "/admin/tag", {"tag": tag}).status_code == 409
    firm.ingest(thirdPartyId="third", tags=["\u2060réclamation"])
    assert set(firm.search(tagIds={"include": [1]})) == {"1", "new 1", "third"}
