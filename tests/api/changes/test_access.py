"""Who is told of a change: those who may see the recording, or could see it before. To others nothing was."""

from collections.abc import Callable
from typing import Any

import pytest

from earwitness.kernel.rights import Right
from tests.api.changes.changing import change_recording, destroy
from tests.api.changes.following import Copy
from tests.firm import Firm, endpoint, person

VIEWER = "viewer@example.com"
SEES = [Right.RECORDING_VIEW, Right.RECORDING_COMMENT_VIEW, Right.RECORDING_TRANSCRIPTION_VIEW]


def add_viewer(firm: Firm, username: str = VIEWER, **given: Any) -> int:
    """Add a user by the API, as the ledger has to have it, and sign it in."""
    body = {"username": username, "rolesAndRights": [str(one) for one in SEES], **given}
    user_id: int = firm.post("/admin/user", body)["id"]
    firm.keys[username] = firm.post("/admin/apiKey", {"userId": user_id})["apiKey"]
    return user_id


def change_user(firm: Firm, user_id: int, **values: Any) -> None:
    changed = firm.call("PUT", f"/admin/user/{user_id}", values)
    assert changed.is_success, changed.text


def add_policy(firm: Firm, name: str, **conditions: Any) -> int:
    policy: int = firm.post("/admin/accessPolicy", {"name": name, **conditions})["id"]
    return policy


def in_group(group: str) -> dict[str, Any]:
    return {"data_groups": {"Desk": group}}


def of_person(person_id: int) -> dict[str, Any]:
    return {"person_id": person_id}


POLICIES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "data group": ({"dataGroups": {"Desk": ["FX"]}}, in_group("FX"), in_group("Rates")),
    "person": ({"personIds": [1]}, of_person(1), of_person(2)),
    "type": ({"communicationTypes": ["teams"]}, {"type": "teams"}, {"type": "phone"}),
}
"""Conditions of a policy, values of a recording that it lets through, and values that it does not."""


@pytest.mark.parametrize("condition", POLICIES)
def test_a_recording_that_leaves_a_policy_is_hidden_and_one_that_comes_into_it_created(
    firm: Firm, condition: str
) -> None:
    conditions, let_through, kept_back = POLICIES[condition]
    for name in ("Ann Bell", "Bob Cole"):
        firm.post("/admin/person", {"fullName": name, "email": person(name)["email"]})
    add_policy(firm, "some", **conditions)
    add_viewer(firm, policies=["some"])
    one, two = firm.ingest(thirdPartyId="call-1"), firm.ingest(thirdPartyId="call-2")
    change_recording(firm, one, **let_through)
    change_recording(firm, two, **kept_back)
    limited, unlimited = Copy(firm, VIEWER), Copy(firm)
    assert limited.catch_up() == [("created", one)]
    assert unlimited.has() == {one, two}
    change_recording(firm, one, **kept_back)
    change_recording(firm, two, **let_through)
    assert limited.catch_up() == [("hidden", one), ("created", two)]
    assert unlimited.catch_up() == [("changed", one), ("changed", two)]
    change_recording(firm, one, is_private_reason="No longer of interest.")
    destroy(firm, one)
    assert limited.catch_up() == []
    destroy(firm, two)
    assert limited.catch_up() == [("destroyed", two)]
    assert unlimited.catch_up()[-2:] == [("destroyed", one), ("destroyed", two)]


OWN_SIDE: dict[str, dict[str, Any]] = {
    "user name": {"user": VIEWER},
    "person": {"person": person("Ann Bell")},
}


@pytest.mark.parametrize("by", OWN_SIDE)
def test_a_private_recording_is_told_to_those_who_took_part(firm: Firm, by: str) -> None:
    ann = firm.post("/admin/person", {"fullName": "Ann Bell", "email": person("Ann Bell")["email"]})["id"]
    add_viewer(firm, personId=ann)
    add_viewer(firm, "other@example.com")
    sides = [endpoint("447700900222", subject=True, **OWN_SIDE[by]), endpoint("447700900111")]
    own = firm.ingest(thirdPartyId="own", endpoints=sides, isPrivate=True)
    others = firm.ingest(thirdPartyId="others", isPrivate=True)
    copy, other, all_ = Copy(firm, VIEWER), Copy(firm, "other@example.com"), Copy(firm)
    assert (copy.has(), other.has(), all_.has()) == ({own}, set(), {own, others})
    firm.post("/client/recording/comment", {"recordingId": own, "comment": "Looked at."})
    assert (copy.catch_up(), other.catch_up()) == ([("commented", own)], [])
    change_recording(firm, own, is_private=False)
    assert (copy.catch_up(), other.catch_up()) == ([("changed", own)], [("created", own)])
    change_recording(firm, own, is_private=True)
    assert (copy.catch_up(), other.catch_up()) == ([("changed", own)], [("hidden", own)])
    destroy(firm, own)
    assert (copy.catch_up(), other.catch_up()) == ([("destroyed", own)], [])


def test_a_recording_that_was_hidden_and_then_destroyed_is_gone_from_every_copy(firm: Firm) -> None:
    add_viewer(firm)
    one = firm.ingest(thirdPartyId="call-1")
    copy = Copy(firm, VIEWER)
    assert copy.has() == {one}
    change_recording(firm, one, is_private=True)
    destroy(firm, one)
    assert copy.catch_up() == [("hidden", one)]


CHANGES: dict[str, Callable[[Firm, int, int], None]] = {
    "the right to see private recordings": lambda firm, user, _: change_user(
        firm, user, rolesAndRights=[*SEES, Right.RECORDING_PRIVATE_VIEW]
    ),
    "the right to see comments": lambda firm, user, _: change_user(firm, user, rolesAndRights=SEES[:1]),
    "a policy more": lambda firm, user, _: change_user(firm, user, policies=["FX", "teams"]),
    "no policy": lambda firm, user, _: change_user(firm, user, policies=[]),
    "the user name": lambda firm, user, _: change_user(firm, user, username="renamed@example.com"),
    "the person": lambda firm, user, _: change_user(firm, user, personId=1),
    "what the policy lets through": lambda firm, _, policy: change_policy(
        firm, policy, dataGroups={"Desk": ["Rates"]}
    ),
}


def change_policy(firm: Firm, policy: int, **values: Any) -> None:
    changed = firm.call("PUT", f"/admin/accessPolicy/{policy}", values)
    assert changed.is_success, changed.text


@pytest.mark.parametrize("change", CHANGES)
def test_a_copy_begins_anew_when_what_its_user_may_see_has_changed(firm: Firm, change: str) -> None:
    user_id, policy = _with_policies(firm)
    copy, slow = Copy(firm, VIEWER), Copy(firm, VIEWER, limit=1)
    copy.catch_up()
    slow.since = firm.get("/client/changes", as_user=VIEWER, limit=1)["next"]
    CHANGES[change](firm, user_id, policy)
    refused = firm.call("GET", "/client/changes", as_user=VIEWER, params={"since": copy.since})
    assert (refused.status_code, refused.json()["code"]) == (410, "resync-needed")
    assert (copy.status(), slow.status()) == (410, 410)
    assert copy.begin_anew() == slow.begin_anew() == copy.visible()
    assert (copy.status(), slow.status()) == (200, 200)


def _with_policies(firm: Firm) -> tuple[int, int]:
    firm.post("/admin/person", {"fullName": "Ann Bell", "email": person("Ann Bell")["email"]})
    policy = add_policy(firm, "FX", dataGroups={"Desk": ["FX"]})
    add_policy(firm, "teams", communicationTypes=["teams"])
    user_id = add_viewer(firm, policies=["FX"])
    for number, desk in enumerate(("FX", "Rates", "FX", "FX")):
        firm.ingest(thirdPartyId=f"call-{number}", dataGroups={"Desk": desk})
        firm.ingest(thirdPartyId=f"private-{number}", dataGroups={"Desk": desk}, isPrivate=True)
        firm.ingest(thirdPartyId=f"teams-{number}", type="teams")
    return user_id, policy


def test_a_copy_goes_on_when_something_else_of_its_user_has_changed(firm: Firm) -> None:
    user_id, policy = _with_policies(firm)
    other = add_viewer(firm, "other@example.com")
    copy = Copy(firm, VIEWER)
    copy.catch_up()
    change_user(firm, user_id, fullName="A Viewer")
    change_policy(firm, policy, name="Currencies")
    change_user(firm, other, policies=["teams"])
    change_policy(firm, policy + 1, communicationTypes=["sms"])
    assert copy.catch_up() == []


def test_a_change_while_a_copy_begins_makes_it_begin_anew(firm: Firm) -> None:
    _, policy = _with_policies(firm)
    answer = firm.get("/client/changes", as_user=VIEWER, limit=1)
    assert not answer["complete"]
    change_policy(firm, policy, dataGroups={"Desk": ["Rates"]})
    params = {"since": answer["next"]}
    assert firm.call("GET", "/client/changes", as_user=VIEWER, params=params).status_code == 410


def test_old_destructions_are_not_told_and_make_an_old_copy_begin_anew(firm: Firm) -> None:
    one, two = firm.ingest(thirdPartyId="call-1"), firm.ingest(thirdPartyId="call-2")
    old = Copy(firm)
    assert old.has() == {one, two}
    destroy(firm, one, days_ago=91)
    three = firm.ingest(thirdPartyId="call-3")
    assert old.status() == 410
    for limit in (1, 2, 1000):
        new = Copy(firm, limit=limit)
        assert new.has() == {two, three}
        destroyed = firm.ingest(thirdPartyId=f"call-4-{limit}")
        destroy(firm, destroyed, days_ago=89)
        assert new.catch_up() == [("destroyed", destroyed)]
