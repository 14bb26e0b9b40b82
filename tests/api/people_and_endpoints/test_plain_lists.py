"""Random searches for people and users, compared with a plain implementation of the contract."""

import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.kernel.rights import ROLE_RIGHTS, Role
from tests.conftest import DATABASES, installation
from tests.firm import Firm

One = dict[str, Any]

SUPPORT, CLAIMS = ("Department", "Support"), ("Department", "Claims")
LEEDS = ("Site", "Leeds")


def somebody(name: str, **others: Any) -> One:
    return {
        "fullName": name,
        "personType": "staff",
        "isActive": True,
        "groups": [],
        "endpoints": [],
        **others,
    }


PEOPLE = [
    somebody("Zoë Bell", email="zoe@example.com", groups=[SUPPORT, LEEDS], retentionGroupId=1),
    somebody("ann bell", email="Ann@Example.com", personType="external", thirdPartyId="AAD-1"),
    somebody("Ann Bell", thirdPartyId="AAD-2", isActive=False, groups=[CLAIMS]),
    somebody("Élodie O'Bell-Smith", endpoints=[("email", "E@x.example"), ("phone", "44201")]),
    somebody("Bob Annan", groups=[SUPPORT], endpoints=[("phone", "442077")], retentionGroupId=1),
    somebody("Smith", personType="external", email="bob@example.com", groups=[LEEDS]),
]
USERS: list[One] = [
    {"username": "Zoe@example.com", "fullName": "Zoë Bell", "granted": ["Compliance"], "personId": 1},
    {"username": "bob", "email": "Bob@example.com", "granted": ["Recording.View", "Recorder"], "personId": 5},
    {"username": "ann", "fullName": "Ánn", "externalId": "EXT-7", "granted": [], "isLocked": True},
    {"username": "ann2", "fullName": "ann", "granted": ["Standard User"], "isActive": False},
    {"username": "last", "email": "bob@example.com", "granted": ["Admin", "Users.View"]},
]
WORDS = [
    "ann",
    "BELL",
    "zoe",
    "é",
    "bob",
    "smith",
    "44 201",
    "+44201",
    "example.com",
    "aad-",
    "ext",
    "nobody",
    "",
]
free_texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=2).map(" ".join)
pages = {"page": st.integers(1, 3), "pageSize": st.integers(1, 4)}
groups = st.sampled_from(
    [
        {"groupName": "Department"},
        {"groupName": "Department", "groupValue": "Support"},
        {"groupValue": "Leeds"},
        {"groupName": "Site", "groupValue": "Support"},
    ]
)
people_searches = st.fixed_dictionaries(
    {},
    optional={
        "freeText": free_texts,
        "personType": st.sampled_from(["staff", "external"]),
        "personIds": st.lists(st.integers(1, 8), max_size=3),
        "thirdPartyIds": st.lists(st.sampled_from(["AAD-1", "AAD-2", "aad-1"]), max_size=2),
        "emails": st.lists(st.sampled_from(["ann@example.com", " e@X.example", "x@x"]), max_size=2),
        "groupAssignment": st.lists(groups, max_size=2),
        "retentionGroupId": st.sampled_from([1, 2, None]),
        "onlyReturnNonAssociated": st.booleans(),
        "isActive": st.booleans(),
        **pages,
    },
)
name_searches = st.fixed_dictionaries(
    {"personType": st.sampled_from(["staff", "external"])},
    optional={
        "prefix": st.sampled_from(["A", "ann b", "BELL", "el", "élo", "smi", "bell-s", "", "ith", "o'"]),
        "isActive": st.booleans(),
        **pages,
    },
)
user_searches = st.fixed_dictionaries(
    {},
    optional={
        "userId": st.integers(1, 7),
        "username": st.sampled_from(["ANN", "bob", "zoe@EXAMPLE.com", "an"]),
        "freeText": free_texts,
        "rolesAndRights": st.lists(
            st.sampled_from(["Recording.View", "Recorder", "Recording.Ingest", "Users.View", "No.Right"]),
            max_size=2,
        ),
        "isActive": st.booleans(),
        "isLocked": st.booleans(),
        "onlyReturnNonAssociated": st.booleans(),
        "searchOrderProperty": st.fixed_dictionaries(
            {},
            optional={
                "property": st.sampled_from(["id", "username", "fullName", "email"]),
                "direction": st.sampled_from(["ASC", "DESC"]),
            },
        ),
        **pages,
    },
)


@pytest.fixture(scope="module", params=DATABASES)
def directory(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firm]:
    """A firm with these people and users; the administrator is user 1."""
    with installation(request, tmp_path_factory.mktemp("directory")) as settings_, Firm(settings_) as firm:
        for name in ("Desk", "Other"):
            firm.post("/admin/retentionGroup", {"name": name, "retentionGroup": {"default": 30}})
        for one in PEOPLE:
            sent = {name: value for name, value in one.items() if name != "groups"}
            sent["endpoints"] = [{"type": kind, "endpoint": value} for kind, value in one["endpoints"]]
            named = [{"groupName": name, "groupValue": value} for name, value in one["groups"]]
            firm.post("/admin/person", {**sent, "autoGroupAssignment": named})
        for user in USERS:
            plain = {
                name: value for name, value in user.items() if name not in {"granted", "isActive", "isLocked"}
            }
            added = firm.post("/admin/user", {**plain, "rolesAndRights": user["granted"]})["id"]
            changed = {name: user[name] for name in ("isActive", "isLocked") if name in user}
            firm.call("PUT", f"/admin/user/{added}", changed)
        yield firm


plainly = settings(max_examples=3, deadline=None, derandomize=True)


@given(searches=st.lists(people_searches, min_size=10, max_size=10))
@plainly
def test_people_are_searched_as_the_contract_reads(directory: Firm, searches: list[One]) -> None:
    for wanted in searches:
        found = [n for n, one in enumerate(PEOPLE, start=1) if is_wanted(n, one, wanted)]
        _assert_same(directory, "people.search", "persons", wanted, by_name(found), 25)


@given(searches=st.lists(name_searches, min_size=10, max_size=10))
@plainly
def test_people_are_searched_by_name_as_the_contract_reads(directory: Firm, searches: list[One]) -> None:
    for wanted in searches:
        found = [
            n
            for n, one in enumerate(PEOPLE, start=1)
            if one["personType"] == wanted["personType"]
            and wanted.get("isActive") in {None, one["isActive"]}
            and begins_a_word(fold(wanted.get("prefix", "")), fold(one["fullName"]))
        ]
        _assert_same(directory, "people.searchByName", "persons", wanted, by_name(found), 25)


@given(searches=st.lists(user_searches, min_size=10, max_size=10))
@plainly
def test_users_are_searched_as_the_contract_reads(directory: Firm, searches: list[One]) -> None:
    everybody: list[One] = [{"username": "admin@example.com", "granted": ["Admin"]}, *USERS]
    for wanted in searches:
        found = [n for n, one in enumerate(everybody, start=1) if is_wanted_user(n, one, wanted)]
        order = wanted.get("searchOrderProperty", {})
        key, descends = order.get("property", "id"), order.get("direction") == "DESC"
        values = {n: n if key == "id" else shown(everybody[n - 1], key) for n in found}
        known = sorted(((value, n) for n, value in values.items() if value is not None), reverse=descends)
        unknown = sorted((n for n, value in values.items() if value is None), reverse=descends)
        _assert_same(directory, "user/search", "users", wanted, [n for _, n in known] + unknown, 1000)


def _assert_same(
    firm: Firm, call: str, key: str, wanted: One, expected: Sequence[int], default_size: int
) -> None:
    page, size = wanted.get("page", 1), wanted.get("pageSize", default_size)
    answer = firm.post(f"/client/{call}", wanted)
    assert [one["id"] for one in answer[key]] == expected[(page - 1) * size : page * size], wanted
    assert (answer["total"], answer["page"], answer["pageSize"]) == (len(expected), page, size), wanted


def by_name(ids: list[int]) -> list[int]:
    return sorted(ids, key=lambda n: (fold(PEOPLE[n - 1]["fullName"]), n))


def is_wanted(n: int, one: One, wanted: One) -> bool:
    emails = {fold(one.get("email", "")), *(fold(v) for kind, v in one["endpoints"] if kind == "email")}
    texts = [one["fullName"], one.get("email"), one.get("thirdPartyId"), *(v for _, v in one["endpoints"])]
    asked = [fold(email.strip()) for email in wanted.get("emails", [])]
    return (
        has_words(wanted.get("freeText", ""), texts)
        and wanted.get("personType") in {None, one["personType"]}
        and (not wanted.get("personIds") or n in wanted["personIds"])
        and (not wanted.get("thirdPartyIds") or one.get("thirdPartyId") in wanted["thirdPartyIds"])
        and (not asked or not emails.isdisjoint(asked))
        and wanted.get("isActive") in {None, one["isActive"]}
        and not (wanted.get("onlyReturnNonAssociated") and n in {user.get("personId") for user in USERS})
        and ("retentionGroupId" not in wanted or wanted["retentionGroupId"] == one.get("retentionGroupId"))
        and all(
            any(
                group.get("groupName") in {None, name} and group.get("groupValue") in {None, value}
                for name, value in one["groups"]
            )
            for group in wanted.get("groupAssignment", [])
        )
    )


def is_wanted_user(n: int, one: One, wanted: One) -> bool:
    texts: list[str | None] = [
        one["username"],
        shown(one, "fullName"),
        one.get("email"),
        one.get("externalId"),
    ]
    held = {
        *one["granted"],
        *(right for role in Role if role in one["granted"] for right in ROLE_RIGHTS[role]),
    }
    return (
        wanted.get("userId") in {None, n}
        and fold(str(wanted.get("username", one["username"]))) == fold(one["username"])
        and has_words(wanted.get("freeText", ""), texts)
        and held.issuperset(wanted.get("rolesAndRights", []))
        and wanted.get("isActive") in {None, one.get("isActive", True)}
        and wanted.get("isLocked") in {None, one.get("isLocked", False)}
        and not (wanted.get("onlyReturnNonAssociated") and one.get("personId"))
    )


def shown(user: One, key: str) -> str | None:
    """What users are ordered by; a full name is the user name until it is set."""
    value: str | None = user.get(key, user["username"] if key == "fullName" else None)
    return None if value is None else fold(value)


def has_words(free_text: str, texts: Sequence[str | None]) -> bool:
    """Each word is part of a text; a number is found in any spelling."""
    written = [fold(text) for text in texts if text]
    return all(any(word.removeprefix("+") in text for text in written) for word in fold(free_text).split())


def begins_a_word(prefix: str, name: str) -> bool:
    starts = [0, *(n + 1 for n, one in enumerate(name) if not one.isalnum())]
    return any(name.startswith(prefix, start) for start in starts)


def fold(text: str) -> str:
    bare = (one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one))
    return "".join(bare).casefold()
