"""Access policies: what they let through, the same in every call, and who may change them."""

from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

import pytest
from sqlalchemy import select

from earwitness.api.administration.access_policies import (
    AccessPolicyId,
    AccessPolicyToAdd,
    check_conditions,
)
from earwitness.archive.schema.work import audit_rows
from earwitness.kernel.rights import Right, Role
from tests.conftest import DATABASES, installation
from tests.firm import Firm, endpoint, person, tone, transcript

POLICIES = "/admin/accessPolicy"
DEPARTMENTS, SUBJECTS, TYPES = ("Support", "Sales", "Legal"), ("Ann Bell", "Bob Cole"), ("phone", "sms")

Ids = dict[str, int]


class Filled(NamedTuple):
    """A firm with recordings, and their ids by the words that name them."""

    firm: Firm
    ids: Ids


def fill(firm: Firm) -> Ids:
    """A recording for each department, person and type, named after it; and one without any of these."""
    ids: Ids = {}
    for department, name, kind in product(DEPARTMENTS, SUBJECTS, TYPES):
        key = f"{department}/{name[:3]}/{kind}"
        parts = [endpoint(name, subject=True, person=person(name)), endpoint("447700900111")]
        groups = {"Department": department, "Region": "uk"}
        text = {"message": "hello"} if kind == "sms" else {"transcript": transcript("hello")}
        ids[key] = firm.ingest(
            tone(0.1), thirdPartyId=key, type=kind, endpoints=parts, dataGroups=groups, **text
        )
    ids["plain"] = firm.ingest(thirdPartyId="plain", type="teams", endpoints=[endpoint("1", subject=True)])
    return ids


@pytest.fixture(scope="module", params=DATABASES)
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """A firm that is filled once. Tests add users and policies to it, under names of their own."""
    with installation(request, tmp_path_factory.mktemp("filled")) as settings, Firm(settings) as firm:
        yield Filled(firm, fill(firm))


def limited(firm: Firm, *policies: dict[str, Any], username: str = "limited") -> None:
    """Add a user who has every right but those to edit, with these policies."""
    names = []
    for conditions in policies:
        names.append(f"policy {len(firm.get(POLICIES)) + 1}")
        firm.post(POLICIES, {"name": names[-1], **conditions})
    rights = [right for right in Right if not right.endswith(".Edit")]
    user_id = firm.add_user(username, rights)
    assert firm.call("PUT", f"/admin/user/{user_id}", {"policies": names}).status_code == 200


def person_ids(firm: Firm, *names: str) -> list[int]:
    emails = [person(name)["email"] for name in names]
    return [one["id"] for one in firm.post("/client/people.search", {"emails": emails})["persons"]]


def seen_everywhere(filled: Filled, *policies: dict[str, Any]) -> set[str]:
    """The recordings that a user with these policies sees; every call must show exactly these."""
    firm, ids = filled.firm, filled.ids
    username = f"limited {len(firm.keys)}"
    limited(firm, *policies, username=username)
    page = firm.post("/client/recording.search", {"pageSize": 1000}, as_user=username)
    seen = {one["thirdPartyId"] for one in page["recordings"]}
    assert page["total"] == len(page["recordings"]) == len(seen)
    assert firm.post("/client/recording.search", {"pageSize": 1}, as_user=username)["total"] == len(seen)
    for name, kinds in (("detail", ()), ("transcription", ()), ("sms-message", ("sms",))):
        wanted = {"interactionIds": list(ids.values())}
        rows = firm.post(f"/client/recording.{name}.get", wanted, as_user=username)
        expected = [ids[key] for key in ids if key in seen and key.endswith(kinds or ("",))]
        assert [row["interactionId"] for row in rows] == expected, name
    for key, interaction_id in ids.items():
        there = 200 if key in seen else 404
        audit = firm.call(
            "POST", "/client/recording/audit", {"recordingId": interaction_id}, as_user=username
        )
        assert audit.status_code == there, key
        if key != "plain":
            play = {"thirdPartyId": key, "format": "raw"}
            path = "/client/recording.playBackByThirdPartyId"
            assert firm.call("POST", path, play, as_user=username).status_code == there, key
    return seen


def test_without_a_policy_the_whole_account_is_seen(filled: Filled) -> None:
    assert seen_everywhere(filled) == set(filled.ids)


def test_a_policy_by_data_groups(filled: Filled) -> None:
    assert seen_everywhere(
        filled, {"dataGroups": {"Department": ["Support", "Legal"], "Region": ["uk", "us"]}}
    ) == {key for key in filled.ids if key.startswith(("Support", "Legal"))}


def test_a_policy_by_people(filled: Filled) -> None:
    assert seen_everywhere(filled, {"personIds": person_ids(filled.firm, "Ann Bell")}) == {
        key for key in filled.ids if "/Ann/" in key
    }


def test_a_policy_by_types(filled: Filled) -> None:
    assert seen_everywhere(filled, {"communicationTypes": ["sms", "teams"]}) == {
        key for key in filled.ids if key.endswith("/sms")
    } | {"plain"}


def test_all_conditions_of_one_policy_must_be_met(filled: Filled) -> None:
    (bob,) = person_ids(filled.firm, "Bob Cole")
    groups = {"Department": ["Sales", "Legal"]}
    assert seen_everywhere(
        filled, {"dataGroups": groups, "personIds": [bob], "communicationTypes": ["phone"]}
    ) == {"Sales/Bob/phone", "Legal/Bob/phone"}


def test_one_of_several_policies_is_enough(filled: Filled) -> None:
    (ann,) = person_ids(filled.firm, "Ann Bell")
    by_person = {"personIds": [ann], "communicationTypes": ["sms"]}
    expected = {key for key in filled.ids if key.startswith("Sales") or key.endswith("/Ann/sms")}
    assert seen_everywhere(
        filled, {"dataGroups": {"Department": ["Sales"]}}, by_person, {"communicationTypes": ["teams"]}
    ) == expected | {"plain"}


def test_a_policy_that_nothing_meets_shows_nothing(filled: Filled) -> None:
    assert seen_everywhere(filled, {"dataGroups": {"Department": ["Support"], "Team": ["A"]}}) == set()


def test_a_policy_limits_what_is_private_too(firm: Firm) -> None:
    parts = [endpoint("1", subject=True, user="limited"), endpoint("2")]
    for kind in ("teams", "phone"):
        firm.ingest(thirdPartyId=kind, type=kind, isPrivate=True, endpoints=parts)
    limited(firm, {"communicationTypes": ["teams"]})
    assert firm.search(as_user="limited") == ["teams"]


def test_a_changed_policy_counts_at_once(firm: Firm) -> None:
    fill(firm)
    limited(firm, {"communicationTypes": ["teams"], "dataGroups": {"Department": ["Sales"]}})
    assert firm.search(as_user="limited") == []
    changed = firm.call("PUT", f"{POLICIES}/1", {"name": "Renamed", "dataGroups": {}}).json()
    assert changed == {
        "id": 1,
        "name": "Renamed",
        "dataGroups": {},
        "personIds": [],
        "communicationTypes": ["teams"],
    }
    assert firm.search(as_user="limited") == ["plain"]
    (user,) = firm.post("/client/user/search", {"username": "limited"})["users"]
    assert user["policies"] == ["Renamed"]


def test_recordings_that_a_change_hides_are_hidden_at_once(firm: Firm) -> None:
    """It is hidden in later pages of a search, too, and by a media URL that was made before."""
    search = "/client/recording.search"
    limited(firm)
    for number, desk in enumerate(("Rates", "FX", "FX")):
        firm.ingest(tone(0.1), thirdPartyId=f"call-{number}", dataGroups={"Desk": desk})
    token = firm.post(search, {"pageSize": 1}, as_user="limited")["recordingsSearchToken"]
    url = firm.post("/client/recording/1/media-url", {"format": "raw"}, as_user="limited")["url"]
    assert firm.client.get(url).status_code == 200

    firm.post(POLICIES, {"name": "FX", "dataGroups": {"Desk": ["FX"]}})
    firm.call("PUT", "/admin/user/2", {"policies": ["FX"]})
    page = firm.post(search, {"pageSize": 1, "page": 2, "recordingsSearchToken": token}, as_user="limited")
    assert (page["total"], [one["interactionId"] for one in page["recordings"]]) == (2, [2])
    assert firm.client.get(url).status_code == 404


def test_policies_are_listed_as_they_were_added(firm: Firm) -> None:
    fill(firm)
    ids = person_ids(firm, "Ann Bell", "Bob Cole")
    conditions = {
        "dataGroups": {"Department": ["Support"]},
        "personIds": ids,
        "communicationTypes": ["phone", "teams"],
    }
    response = firm.call("POST", POLICIES, {"name": "all", **conditions})
    assert (response.status_code, response.json()) == (201, {"id": 1})
    firm.post(POLICIES, {"name": "one", "communicationTypes": ["sms"]})
    assert firm.get(POLICIES) == [
        {"id": 1, "name": "all", **conditions},
        {"id": 2, "name": "one", "dataGroups": {}, "personIds": [], "communicationTypes": ["sms"]},
    ]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "name"),
        ({"name": " ", "communicationTypes": ["sms"]}, "name"),
        ({"name": "x", "personIds": [999]}, "personIds[0]"),
        ({"name": "x", "personIds": [0]}, "personIds[0]"),
        ({"name": "x", "communicationTypes": ["SMS"]}, "communicationTypes[0]"),
        ({"name": "x", "communicationTypes": ["sms\n"]}, "communicationTypes[0]"),
        ({"name": "x", "dataGroups": {"Department": []}}, "dataGroups"),
        ({"name": "x", "dataGroups": ["Department"]}, "dataGroups"),
        ({"name": "x", "types": ["sms"]}, "types"),
    ],
)
def test_invalid_conditions_are_named(firm: Firm, body: dict[str, Any], path: str) -> None:
    response = firm.call("POST", POLICIES, body)
    assert response.status_code == 400
    assert any(fault["path"].startswith(path) for fault in response.json()["errors"])
    assert firm.get(POLICIES) == []


def test_a_policy_without_a_condition_would_limit_nobody_and_is_refused(firm: Firm) -> None:
    assert firm.call("POST", POLICIES, {"name": "x", "personIds": []}).status_code == 400
    firm.post(POLICIES, {"name": "x", "communicationTypes": ["sms"]})
    assert firm.call("PUT", f"{POLICIES}/1", {"communicationTypes": []}).status_code == 400
    assert firm.get(POLICIES)[0]["communicationTypes"] == ["sms"]


def test_names_are_unique_and_an_unknown_policy_is_not_found(firm: Firm) -> None:
    body = {"name": "x", "communicationTypes": ["sms"]}
    firm.post(POLICIES, body)
    firm.post(POLICIES, {**body, "name": "y"})
    assert firm.call("POST", POLICIES, body).status_code == 409
    assert firm.call("PUT", f"{POLICIES}/2", {"name": "x"}).status_code == 409
    assert firm.call("PUT", f"{POLICIES}/2", {"name": "y"}).status_code == 200
    assert firm.call("PUT", f"{POLICIES}/9", {"name": "z"}).status_code == 404
    assert firm.call("DELETE", f"{POLICIES}/9").status_code == 404


def test_a_policy_in_use_is_not_deleted(firm: Firm) -> None:
    limited(firm, {"communicationTypes": ["teams"]})
    response = firm.call("DELETE", f"{POLICIES}/1")
    assert (response.status_code, response.json()["code"]) == (409, "in-use")
    assert firm.search(as_user="limited") == []
    firm.call("PUT", "/admin/user/2", {"policies": []})
    assert firm.call("DELETE", f"{POLICIES}/1").json() == {"id": 1}
    assert firm.get(POLICIES) == []


def test_a_user_with_policies_cannot_change_policies(firm: Firm) -> None:
    firm.post(POLICIES, {"name": "mine", "communicationTypes": ["sms"]})
    editor = firm.add_user("editor", [Role.ADMIN])
    firm.call("PUT", f"/admin/user/{editor}", {"policies": ["mine"]})
    before = firm.get(POLICIES)
    body = {"name": "wide", "communicationTypes": ["sms", "phone"]}
    assert firm.call("POST", POLICIES, body, as_user="editor").status_code == 403
    assert firm.call("PUT", f"{POLICIES}/1", body, as_user="editor").status_code == 403
    assert firm.call("DELETE", f"{POLICIES}/1", as_user="editor").status_code == 403
    assert firm.get(POLICIES, as_user="editor") == before


def test_the_ledger_has_each_change(firm: Firm) -> None:
    body = {"name": "x", "communicationTypes": ["sms"], "dataGroups": {"Desk": ["FX"]}}
    firm.post(POLICIES, body)
    firm.call("PUT", f"{POLICIES}/1", {"dataGroups": {}})
    firm.call("DELETE", f"{POLICIES}/1")
    firm.call("DELETE", f"{POLICIES}/1")
    with firm.archive.read() as connection:
        changes = select(audit_rows).where(audit_rows.c.entity_name != "SignIn")
        rows = connection.execute(changes.order_by(audit_rows.c.id)).all()
    assert [(row.entity_name, row.entity_id, row.metadata) for row in rows[1:]] == [
        ("AccessPolicy", 1, body),
        ("AccessPolicy", 1, {"dataGroups": {}}),
        ("AccessPolicy", 1, {"name": "x", "deleted": True}),
    ]


def test_the_program_does_not_start_where_the_body_lacks_a_condition() -> None:
    check_conditions(AccessPolicyToAdd)
    with pytest.raises(TypeError, match="AccessPolicyId needs the fields of PolicyConditions: data_groups"):
        check_conditions(AccessPolicyId)
