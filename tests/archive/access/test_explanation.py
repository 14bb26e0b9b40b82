"""The explanation agrees with what the API answers, for random users, policies and recordings."""

from collections.abc import Sequence
from itertools import count
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earwitness.archive.access.explanation import Explanation, explain_access
from earwitness.archive.access.viewer import PolicyConditions
from earwitness.archive.access.visibility import POLICY_CONDITIONS, USES, requirements_of
from earwitness.kernel.rights import Right
from tests.firm import CLIENT_ID, Firm, endpoint, person, tone, transcript

NAMES = ["Jane Smith", "Omar Núñez"]
USER = "the user of this example"
GROUPS = [{}, {"Department": "Sales"}, {"Department": "Legal", "Site": "Rome"}]
LIMITING_GROUPS = [
    {"Department": ["Sales"]},
    {"Department": ["Sales", "Legal"]},
    {"Department": ["Legal"], "Site": ["Rome"]},
]
RIGHTS = [use.right for use in USES] + [Right.RECORDING_PRIVATE_VIEW]
numbers = count(1)

recordings = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["phone", "teams"]),
            "isPrivate": st.booleans(),
            "dataGroups": st.sampled_from(
                [{}, {"Department": "Sales"}, {"Department": "Legal", "Site": "Rome"}]
            ),
            "person": st.sampled_from([None, *NAMES]),
            "user": st.sampled_from(["", USER, "somebody"]),
            "transcript": st.booleans(),
            "media": st.booleans(),
        }
    ),
    min_size=1,
    max_size=4,
)
policies = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "personIds": st.lists(st.sampled_from([1, 2]), min_size=1, max_size=2, unique=True),
            "dataGroups": st.sampled_from(
                [
                    {"Department": ["Sales"]},
                    {"Department": ["Sales", "Legal"]},
                    {"Department": ["Legal"], "Site": ["Rome"]},
                ]
            ),
            "communicationTypes": st.sampled_from([["phone"], ["phone", "teams"]]),
        },
    ).filter(bool),
    max_size=3,
)
people = st.fixed_dictionaries(
    {
        "rights": st.lists(st.sampled_from(RIGHTS), unique=True),
        "personId": st.sampled_from([None, 1, 2]),
        "state": st.sampled_from(["active"] * 5 + ["locked", "inactive", "without a key"]),
    }
)


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(told=recordings, limits=policies, user=people)
def test_it_agrees_with_what_the_api_answers(
    firm: Firm, told: list[dict[str, Any]], limits: list[dict[str, Any]], user: dict[str, Any]
) -> None:
    number = next(numbers)
    if not firm.search(thirdPartyIds={"include": ["people"]}):
        firm.ingest(thirdPartyId="people", endpoints=[endpoint("1", person=person(name)) for name in NAMES])
    username = f"user-{number}"
    ids = [ingested(firm, f"{number}-{index}", username, one) for index, one in enumerate(told)]
    add_user(firm, username, user, limits)
    answers = answered(firm, username, ids)
    for interaction_id in ids:
        explanation = explained(firm, username, interaction_id)
        assert {one.use: one.is_allowed for one in explanation.uses} == answers[interaction_id]


def ingested(firm: Firm, third_party_id: str, username: str, told: dict[str, Any]) -> int:
    subject = endpoint("447896423595", subject=True, user=username if told["user"] == USER else told["user"])
    if told["person"]:
        subject["person"] = person(told["person"])
    return firm.ingest(
        tone(0.1) if told["media"] else None,
        thirdPartyId=third_party_id,
        endpoints=[subject, endpoint("447700900111")],
        transcript=transcript("buy") if told["transcript"] else None,
        **{name: told[name] for name in ("type", "isPrivate", "dataGroups")},
    )


def add_user(firm: Firm, username: str, user: dict[str, Any], limits: Sequence[dict[str, Any]]) -> None:
    """Add the user and its policies, sign it in, and then bring it into its state."""
    user_id = firm.add_user(username, user["rights"], person_id=user["personId"])
    named = [f"{username}, policy {index}" for index, _ in enumerate(limits)]
    for name, conditions in zip(named, limits, strict=True):
        firm.post("/admin/accessPolicy", {"name": name, **conditions})
    firm.token(username)
    changes = {"policies": named, "isLocked": user["state"] == "locked"}
    assert firm.call("PUT", f"/admin/user/{user_id}", changes).is_success
    if user["state"] == "inactive":
        assert firm.call("DELETE", f"/admin/user/{user_id}").is_success
    if user["state"] == "without a key":
        key = next(one["id"] for one in firm.get("/admin/apiKey") if one["userId"] == user_id)
        assert firm.call("DELETE", f"/admin/apiKey/{key}").is_success


def answered(firm: Firm, username: str, ids: list[int]) -> dict[int, dict[str, bool]]:
    """What the API lets the user do with each of the recordings."""

    def post(path: str, body: dict[str, Any]) -> Any:
        response = firm.call("POST", path, body, as_user=username)
        return response.json() if response.is_success else []

    def is_given(method: str, path: str, body: Any = None, **given: Any) -> bool:
        return firm.call(method, path, body, as_user=username, **given).status_code == 200

    page = post("/client/recording.search", {"recordingIds": {"include": ids}, "pageSize": 1000})
    found = {one["interactionId"] for one in page["recordings"]} if page else set()
    details = {one["interactionId"] for one in post("/client/recording.detail.get", {"interactionIds": ids})}
    assert found == details
    transcripts = post("/client/recording.transcription.get", {"interactionIds": ids})
    readable = {one["interactionId"] for one in transcripts if one["analysis"]}
    return {
        one: {
            "see": one in found,
            "play": is_given("GET", f"/client/recording/{one}/media", params={"format": "raw"}),
            "readTranscript": one in readable,
            "readComments": is_given("GET", "/client/recording/comment", params={"recordingId": one}),
            "readAuditLog": is_given("POST", "/client/recording/audit", {"recordingId": one}),
        }
        for one in ids
    }


def explained(firm: Firm, username: str, interaction_id: int) -> Explanation:
    with firm.archive.read() as connection:
        return explain_access(connection, CLIENT_ID, username, interaction_id)


def test_each_condition_of_a_policy_requires_something() -> None:
    policy = PolicyConditions({"Department": ["Sales"], "Site": ["Rome"]}, [1], ["phone"])
    required = [requirement.name for requirement in requirements_of(policy)]
    assert required == ["dataGroups[0]", "dataGroups[1]", "personIds", "communicationTypes"]
    assert [one.condition for one in requirements_of(policy)] == [
        "data_groups",
        *(condition.field for condition in POLICY_CONDITIONS),
    ]
    assert requirements_of(PolicyConditions()) == []
