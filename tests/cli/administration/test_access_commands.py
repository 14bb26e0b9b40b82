"""`earwitness access`: why a user may see a recording or may not, and what rights and roles there are."""

from typing import Any

import pytest

from earwitness.kernel.rights import ROLE_RIGHTS, Right, Role
from tests.cli.running import run, run_json
from tests.firm import ADMIN, CLIENT_ID, Firm, endpoint, tone, transcript

BOB = "bob@example.com"


def explained(firm: Firm, username: str, interaction_id: int) -> dict[str, Any]:
    """For each use, the rules that keep the user out; and for each rule, whether it holds and why."""
    told = run_json(firm.settings, "access", "explain", CLIENT_ID, username, interaction_id)
    assert (told["username"], told["interactionId"]) == (username, interaction_id)
    assert all(one["isAllowed"] is not bool(one["keptOutBy"]) for one in told["uses"])
    return {
        "uses": {one["use"]: one["keptOutBy"] for one in told["uses"]},
        "because": {one["rule"]: one["because"] for one in told["rules"]},
        "holds": {one["rule"]: one["holds"] for one in told["rules"]},
    }


def test_a_private_recording_is_explained_by_the_right_or_by_taking_part(firm: Firm) -> None:
    firm.add_user(BOB, [Role.STANDARD_USER])
    firm.add_user("eve", [Role.STANDARD_USER])
    told = endpoint("447896423595", subject=True, user=BOB)
    interaction_id = firm.ingest(isPrivate=True, endpoints=[told, endpoint("447700900111")])
    eve, bob, admin = (explained(firm, name, interaction_id) for name in ("eve", BOB, ADMIN))
    assert eve["uses"]["see"] == ["private"]
    assert eve["because"]["private"] == (
        "The recording is private: eve did not take part in it, and lacks the right Recording.Private.View."
    )
    assert bob["uses"]["see"] == admin["uses"]["see"] == []
    assert bob["because"]["private"] == f"The recording is private, and {BOB} took part in it."
    assert admin["because"]["private"] == (
        f"The recording is private. {ADMIN} has the right Recording.Private.View by the role Admin."
    )


def test_a_policy_that_keeps_a_user_out_is_named_with_what_is_missing(firm: Firm) -> None:
    bob = firm.add_user(BOB, [Role.STANDARD_USER])
    conditions = {"communicationTypes": ["phone"], "dataGroups": {"Department": ["Sales", "Support"]}}
    firm.post("/admin/accessPolicy", {"name": "Desk", **conditions})
    firm.post("/admin/accessPolicy", {"name": "Meetings", "communicationTypes": ["teams"]})
    firm.call("PUT", f"/admin/user/{bob}", {"policies": ["Desk", "Meetings"]})
    ours = firm.ingest(thirdPartyId="ours", dataGroups={"Department": "Sales"})
    theirs = firm.ingest(thirdPartyId="theirs", dataGroups={"Department": "Legal"})
    assert explained(firm, BOB, ours)["uses"]["see"] == []
    assert explained(firm, BOB, ours)["because"]["accessPolicies"] == (
        f"The access policy Desk of {BOB} lets the recording through."
    )
    assert explained(firm, BOB, theirs)["uses"]["see"] == ["accessPolicies"]
    assert explained(firm, BOB, theirs)["because"]["accessPolicies"] == (
        f"No access policy of {BOB} lets the recording through: Desk (Department: it has none of Sales, "
        "Support), Meetings (communicationTypes: it has none of teams)."
    )


def test_a_missing_right_and_missing_media_are_named(firm: Firm) -> None:
    firm.add_user(BOB, [Right.RECORDING_PLAY])
    interaction_id = firm.ingest()
    told = explained(firm, BOB, interaction_id)
    assert told["uses"] == {
        "see": ["Recording.View"],
        "play": ["media"],
        "readTranscript": ["Recording.Transcription.View", "transcript"],
        "readComments": ["Recording.Comment.View"],
        "readAuditLog": ["Recording.Audit.View"],
    }
    assert told["because"]["Recording.View"] == f"{BOB} lacks the right Recording.View."
    assert told["because"]["Recording.Play"] == f"{BOB} has the right Recording.Play."
    assert told["because"]["media"] == "The recording has no media."


@pytest.mark.parametrize(
    ("command", "rules", "because"),
    [
        (("user", "lock"), ["unlocked"], f"{BOB} is locked, and cannot sign in."),
        (("user", "deactivate"), ["active", "apiKey"], f"{BOB} is inactive, and cannot sign in."),
    ],
)
def test_a_user_who_cannot_sign_in_is_kept_from_everything(
    firm: Firm, command: tuple[str, ...], rules: list[str], because: str
) -> None:
    firm.add_user(BOB, [Role.COMPLIANCE])
    interaction_id = firm.ingest(tone(0.1), transcript=transcript("buy"))
    assert set(map(tuple, explained(firm, BOB, interaction_id)["uses"].values())) == {()}
    run_json(firm.settings, *command, CLIENT_ID, BOB)
    told = explained(firm, BOB, interaction_id)
    assert set(map(tuple, told["uses"].values())) == {tuple(rules)}
    assert told["because"][rules[0]] == because


def test_a_recording_whose_retention_is_over_is_seen_until_it_is_gone(firm: Firm) -> None:
    firm.call("PUT", "/admin/retentionGroup/accountDefault", {"default": 1})
    interaction_id = firm.ingest(startDatetimeUTC="2020-01-01T00:00:00Z")
    assert explained(firm, ADMIN, interaction_id)["uses"]["see"] == []
    assert firm.search() == ["call-1"]


def test_an_unknown_user_or_recording_is_named(firm: Firm) -> None:
    interaction_id = firm.ingest()
    words = ("access", "explain", CLIENT_ID)
    assert "There is no user nobody." in run(firm.settings, *words, "nobody", interaction_id).stderr
    refused = run_json(firm.settings, *words, ADMIN, 999, exit_code=1)
    assert refused == {"error": "There is no recording 999."}


def test_it_reads_as_sentences_and_leaves_a_row_in_the_audit_log(firm: Firm) -> None:
    firm.add_user(BOB, [Right.RECORDING_VIEW])
    interaction_id = firm.ingest()
    words = ("access", "explain", CLIENT_ID, BOB, interaction_id)
    shown = run(firm.settings, *words).stdout
    assert f"What {BOB} (user 2) may do with recording {interaction_id}, call-1:" in shown
    assert f"fails  Recording.Play: {BOB} lacks the right Recording.Play.\n" in shown
    (row,) = firm.post("/client/recording/audit", {"recordingId": interaction_id})[1:]
    assert (row["method"], row["route"]) == ("CLI", "earwitness access explain")
    assert row["metadata"] == {"username": BOB}


def test_every_right_is_listed_with_what_it_opens_and_its_roles(firm: Firm) -> None:
    listed = run_json(firm.settings, "access", "rights")
    assert [one["right"] for one in listed] == [str(right) for right in Right]
    assert all(one["opens"].endswith(".") for one in listed)
    roles = {role: {one["right"] for one in listed if role in one["roles"]} for role in ROLE_RIGHTS}
    assert roles == {role: set(map(str, held)) for role, held in ROLE_RIGHTS.items()}
    assert "Recording.Private.View" in run(firm.settings, "access", "rights").stdout
