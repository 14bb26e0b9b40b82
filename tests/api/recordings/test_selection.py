"""POST /client/recording/selection: which recordings it changes, with which rights, and what it refuses."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select

from earwitness.archive.schema.recordings import recording_tags, tags
from earwitness.archive.schema.work import account_jobs, audit_rows
from earwitness.archive.upkeep import account_work
from earwitness.archive.upkeep.account_work import Pace
from earwitness.kernel.rights import Right
from tests.firm import Firm, endpoint, person
from tests.many_recordings import add_people, add_recordings

SELECTION, HOLD, PLAYLIST = "/client/recording/selection", "/admin/legalHold", "/admin/playlist"
CLERK = "clerk@example.com"


@pytest.fixture
def calls(firm: Firm) -> list[int]:
    """Calls that differ in what filters and access policies look at; some are private."""
    return [
        firm.ingest(
            thirdPartyId=f"call-{number}",
            startDatetimeUTC=f"2026-05-{number + 1:02}T10:30:00Z",
            type=("phone", "zoom", "teams")[number % 3],
            direction=("In", "Out")[number % 2],
            isPrivate=number % 4 == 3,
            dataGroups={"Desk": ("FX", "Rates")[number % 2]},
            tags=["Gold"] if number % 5 == 0 else [],
            endpoints=[endpoint(str(number % 3), subject=True, person=person(f"Person {number % 2}"))],
        )
        for number in range(16)
    ]


def order(firm: Firm, *, as_user: str = "admin@example.com", **body: Any) -> Any:
    response = firm.call("POST", SELECTION, body, as_user=as_user)
    assert response.status_code == 202, response.text
    return response.json()


def faults(firm: Firm, body: dict[str, Any], as_user: str = "admin@example.com") -> list[str]:
    response = firm.call("POST", SELECTION, body, as_user=as_user)
    assert response.status_code == 400, response.text
    return [fault["path"] for fault in response.json()["errors"]]


FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "communicationTypes": st.fixed_dictionaries(
            {}, optional={"include": st.just(["phone", "zoom"]), "exclude": st.just(["zoom"])}
        ),
        "direction": st.sampled_from(["In", "out"]),
        "isPrivate": st.booleans(),
        "freeText": st.sampled_from(["person", "gold", '"person 1"', "-gold", "call"]),
        "endpointIds": st.fixed_dictionaries(
            {}, optional={"include": st.just([1, 2]), "exclude": st.just([3])}
        ),
        "dateTimeRange": st.fixed_dictionaries(
            {}, optional={"from": st.just("2026-05-04T00:00:00Z"), "to": st.just("2026-05-12T00:00:00Z")}
        ),
        "tagIds": st.fixed_dictionaries({}, optional={"include": st.just([1]), "exclude": st.just([1])}),
        "recordingIds": st.just({"include": [1, 2, 3, 999]}),
        "hasComments": st.booleans(),
    },
)
VIEWERS: dict[str, tuple[list[Right], list[dict[str, Any]]]] = {
    "sees all": ([Right.RECORDING_PRIVATE_VIEW], []),
    "no private ones": ([], []),
    "one desk": ([], [{"dataGroups": {"Desk": ["FX"]}}]),
    "either of two policies": (
        [Right.RECORDING_PRIVATE_VIEW],
        [{"communicationTypes": ["zoom"]}, {"personIds": [1]}],
    ),
}


@pytest.fixture
def viewers(firm: Firm, calls: list[int]) -> list[str]:
    firm.work()  # writes the text index
    number = 0
    for name, (rights, policies) in VIEWERS.items():
        user_id = firm.add_user(name, [Right.RECORDING_VIEW, Right.PLAYLIST_EDIT, *rights])
        named = []
        for policy in policies:
            number += 1
            named.append(f"policy {number}")
            firm.post("/admin/accessPolicy", {"name": named[-1], **policy})
        assert firm.call("PUT", f"/admin/user/{user_id}", {"policies": named}).is_success
    return list(VIEWERS)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=FILTERS, viewer=st.sampled_from(list(VIEWERS)))
def test_a_selection_is_what_the_search_finds(
    firm: Firm, viewers: list[str], wanted: dict[str, Any], viewer: str
) -> None:
    found = firm.search(as_user=viewer, startTimeDirection="ASC", **wanted)
    playlist_id = firm.post(PLAYLIST, {"name": "Selected"})["id"]
    ordered = order(firm, as_user=viewer, filters=wanted, playlistId=playlist_id)
    assert ordered["total"] == len(found)
    assert firm.search(playlistId=playlist_id, startTimeDirection="ASC") == found


def test_hidden_recordings_are_not_changed_and_those_named_are_refused(firm: Firm, calls: list[int]) -> None:
    firm.add_user(CLERK, [Right.RECORDING_VIEW, Right.LEGAL_HOLD_EDIT])
    hold_id = firm.post(HOLD, {"name": "Enquiry 14"})["id"]
    assert order(firm, as_user=CLERK, filters={}, legalHoldId=hold_id)["total"] == 12
    hidden = calls[3]
    assert hidden not in firm.get(f"{HOLD}/{hold_id}")["interactionIds"]
    sent = {"interactionIds": [calls[0], hidden], "legalHoldId": hold_id}
    assert faults(firm, sent, as_user=CLERK) == ["interactionIds[1]"]
    assert order(firm, filters={}, legalHoldId=hold_id)["total"] == 16
    assert firm.get(f"{HOLD}/{hold_id}")["total"] == 16


def test_a_short_selection_is_done_at_once(firm: Firm, calls: list[int]) -> None:
    hold_id = firm.post(HOLD, {"name": "Enquiry 14"})["id"]
    some = {"interactionIds": calls[:3], "legalHoldId": hold_id, "addTags": ["Silver"]}
    response = firm.call("POST", SELECTION, some)
    assert "X-Pending" not in response.headers
    job = firm.get(f"/client/job/{response.json()['jobId']}")
    assert (job["state"], job["done"], job["total"]) == ("done", 3, 3)
    assert firm.search(legalHoldId=hold_id) == ["call-2", "call-1", "call-0"]
    [first] = firm.post("/client/recording.search", {"recordingIds": {"include": calls[:1]}})["recordings"]
    assert first["tags"] == ["Gold", "Silver"]
    firm.work()
    assert firm.search(freeText="silver") == ["call-2", "call-1", "call-0"]


@pytest.mark.parametrize("direction", [None, "ASC", "DESC"])
def test_a_token_pins_the_selection_to_what_was_found_then(
    firm: Firm, calls: list[int], direction: str | None
) -> None:
    order_ = {} if direction is None else {"startTimeDirection": direction}
    wanted = {"communicationTypes": {"include": ["phone"]}}
    found = firm.post("/client/recording.search", {**wanted, **order_, "pageSize": 2})
    firm.ingest(thirdPartyId="later")
    playlist_id = firm.post(PLAYLIST, {"name": "Pinned"})["id"]
    token = found["recordingsSearchToken"]
    body = {"filters": wanted, "recordingsSearchToken": token, "playlistId": playlist_id}
    assert order(firm, **body)["total"] == found["total"]
    assert "later" not in firm.search(playlistId=playlist_id)
    assert order(firm, filters=wanted, playlistId=playlist_id)["total"] == found["total"] + 1
    for wrong in (
        {**body, "filters": {}},
        {**body, "recordingsSearchToken": token + "A"},
    ):
        assert faults(firm, wrong) == ["recordingsSearchToken"]


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ({}, ["filters", ""]),
        ({"filters": {}}, [""]),
        ({"filters": {}, "addTags": [], "removeTags": []}, [""]),
        ({"addTags": ["x"]}, ["filters"]),
        ({"filters": {}, "interactionIds": [1], "addTags": ["x"]}, ["filters"]),
        ({"filters": {}, "addTags": [" "]}, ["addTags[0]"]),
        ({"filters": {}, "removeTags": ["none"]}, ["removeTags[0]"]),
        ({"filters": {}, "addTags": ["gold"], "removeTags": ["Gold"]}, ["removeTags[0]"]),
        ({"filters": {}, "legalHoldId": 9, "playlistId": 8}, ["playlistId", "legalHoldId"]),
        (
            {"interactionIds": [1], "recordingsSearchToken": "st_x", "addTags": ["x"]},
            ["recordingsSearchToken"],
        ),
        ({"filters": {"direction": "Up"}, "addTags": ["x"]}, ["filters.direction"]),
        ({"filters": {"freeText": '"'}, "addTags": ["x"]}, ["freeText"]),
        ({"interactionIds": [*range(1, 1002)], "addTags": ["x"]}, ["interactionIds"]),
    ],
)
def test_what_is_wrong_is_named_before_anything_is_ordered(
    firm: Firm, calls: list[int], body: dict[str, Any], paths: list[str]
) -> None:
    assert faults(firm, body) == paths
    with firm.archive.read() as connection:
        assert connection.scalar(select(func.count()).select_from(account_jobs)) == 0
    assert [one["tag"] for one in firm.get("/admin/tag")] == ["Gold"]


def test_an_ended_hold_takes_no_recordings(firm: Firm, calls: list[int]) -> None:
    hold_id = firm.post(HOLD, {"name": "Enquiry 14"})["id"]
    firm.call("DELETE", f"{HOLD}/{hold_id}")
    assert faults(firm, {"filters": {}, "legalHoldId": hold_id}) == ["legalHoldId"]


def test_each_change_needs_its_right(firm: Firm, calls: list[int]) -> None:
    hold_id, playlist_id = (firm.post(path, {"name": "x"})["id"] for path in (HOLD, PLAYLIST))
    changes: dict[Right, dict[str, Any]] = {
        Right.LEGAL_HOLD_EDIT: {"legalHoldId": hold_id},
        Right.PLAYLIST_EDIT: {"playlistId": playlist_id},
        Right.RECORDING_TAG_EDIT: {"addTags": ["Gold"], "removeTags": []},
    }
    for right in changes:
        firm.add_user(str(right), [right])
        firm.add_user(f"{right} and finds", [right, Right.RECORDING_VIEW])
        for needed, change in changes.items():
            named = {"interactionIds": calls[:1], **change}
            answer = firm.call("POST", SELECTION, named, as_user=str(right))
            assert answer.status_code == (202 if needed is right else 403)
            found = {"filters": {}, **change}
            assert firm.call("POST", SELECTION, found, as_user=str(right)).json()["right"] in {
                Right.RECORDING_VIEW,
                needed,
            }
            answer = firm.call("POST", SELECTION, found, as_user=f"{right} and finds")
            assert answer.status_code == (202 if needed is right else 403)
    both = {"interactionIds": calls[:1], **changes[Right.PLAYLIST_EDIT], "legalHoldId": hold_id}
    assert firm.call("POST", SELECTION, both, as_user=str(Right.PLAYLIST_EDIT)).status_code == 403


def test_a_tag_that_is_gone_by_its_turn_is_told_with_the_job_and_in_the_ledger(firm: Firm) -> None:
    many = len(add_recordings(firm, add_people(firm, 1), 1_100))
    job_id = order(firm, filters={}, addTags=["kept", "lost"])["jobId"]
    with firm.archive.write() as connection:  # as in a database that was mended by hand
        lost = connection.execute(select(tags.c.id).where(tags.c.tag == "lost")).scalar_one()
        connection.execute(delete(tags).where(tags.c.id == lost))
    while account_work.go_on(firm.archive, "one", Pace()) is not None:
        pass
    said = f"The tag {lost} was deleted before all had it."
    job = firm.get(f"/client/job/{job_id}")
    assert (job["state"], job["error"]) == ("done", said)
    of_job = audit_rows.c.entity_name == "Selection", audit_rows.c.entity_id == job_id
    with firm.archive.read() as connection:
        told = connection.scalars(select(audit_rows.c.metadata).where(*of_job)).all()
        assert connection.scalar(select(func.count()).select_from(recording_tags)) == many
    assert [one for one in told if "leftOut" in one] == [{"leftOut": said}]
