"""Operators can do at the command line what administrators do by the API. The ledger has their names."""

from typing import Any

import pytest
from sqlalchemy import select

from earwitness.archive.schema.work import audit_headers, audit_rows
from earwitness.kernel.rights import Right
from tests.cli.running import run, run_json
from tests.firm import CLIENT_ID, Firm, endpoint, person
from tests.many_recordings import add_people, add_recordings

pytestmark = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
"""What the commands call is tested on both databases; how they call it does not depend on them."""

PAGE = "/client/recording.search"


def told(firm: Firm, *words: object, exit_code: int = 0) -> Any:
    group, command, *rest = words
    return run_json(firm.settings, group, command, CLIENT_ID, *rest, exit_code=exit_code)


def said(firm: Firm, *words: object) -> str:
    group, command, *rest = words
    result = run(firm.settings, group, command, CLIENT_ID, *rest)
    assert result.exit_code == 0, result.output
    return result.stdout


def ledger(firm: Firm) -> list[tuple[str, str, int, Any]]:
    """What the ledger has of commands: route, kind of thing, its id, and the metadata."""
    header, row = audit_headers.c, audit_rows.c
    with firm.archive.read() as connection:
        rows = connection.execute(
            select(header.route, header.username, row.entity_name, row.entity_id, row.metadata)
            .join(audit_rows, row.audit_header_id == header.id)
            .where(header.method == "CLI")
            .order_by(row.id)
        ).all()
    assert all(one.username.startswith("operator:") for one in rows)
    return [(one.route, one.entity_name, one.entity_id, one.metadata) for one in rows]


@pytest.mark.parametrize(("group", "path"), [("hold", "legalHold"), ("playlist", "playlist")])
def test_recordings_are_added_to_holds_and_playlists_and_removed(firm: Firm, group: str, path: str) -> None:
    first, second, third = (firm.ingest(thirdPartyId=f"call-{n}", isPrivate=n == 2) for n in (1, 2, 3))
    made = told(firm, group, "create", "Enquiry 14", first, second)
    assert told(firm, group, "set", made["id"], "--add", third, "--remove", first)["total"] == 2
    assert told(firm, group, "set", made["id"], "--name", "Enquiry 15")["interactionIds"] == [second, third]
    assert told(firm, group, "show", made["id"]) == firm.get(f"/admin/{path}/{made['id']}")
    assert told(firm, group, "list") == firm.get(f"/admin/{path}")
    assert "Enquiry 15" in said(firm, group, "list")
    assert "2, 3" in said(firm, group, "show", made["id"])
    assert told(firm, group, "set", made["id"], "--add", 999, exit_code=1)["error"].endswith("recording 999")
    assert "Nothing to change" in told(firm, group, "set", made["id"], exit_code=1)["error"]
    told(firm, group, "end", made["id"])
    assert told(firm, group, "list") == []
    assert [(route, id_) for route, entity, id_, _ in ledger(firm) if entity == "Recording"] == [
        (f"earwitness {group} create", first),
        (f"earwitness {group} create", second),
        (f"earwitness {group} set", third),
        (f"earwitness {group} set", first),
        (f"earwitness {group} end", second),
        (f"earwitness {group} end", third),
    ]


def test_retention_is_set_for_groups_and_by_default(firm: Firm) -> None:
    firm.ingest(endpoints=[endpoint("1", subject=True, person=person("Ann Bell")), endpoint("2")])

    def kept() -> tuple[int | None, str | None]:
        (recording,) = firm.post(PAGE, {})["recordings"]
        return recording["retentionGroupId"], recording["retainUntil"]

    assert told(firm, "retention", "default", "--days", "default=forever", "--days", "sms=30") == {
        "default": None,
        "sms": 30,
    }
    assert kept() == (None, None)
    firm.call("PUT", "/admin/account", {"mayShortenRetention": True})
    group = told(firm, "retention", "create", "Desk", "--days", "default=10", "--person", 1)["id"]
    assert kept() == (group, "2026-05-22T10:31:00.000Z")
    changed = told(firm, "retention", "set", group, "--name", "FX", "--days", "default=20")
    assert changed == {"id": group, "name": "FX", "retentionGroup": {"default": 20}, "peopleIds": [1]}
    assert kept() == (group, "2026-06-01T10:31:00.000Z")
    assert told(firm, "retention", "list") == firm.get("/admin/retentionGroup")
    assert "sms 30" in said(firm, "retention", "list")
    told(firm, "retention", "delete", group)
    assert kept() == (None, None)
    commands = [f"earwitness retention {name}" for name in ("default", "create", "set", "delete")]
    rows = ledger(firm)
    assert [route for route, entity, *_ in rows if entity != "Recording"] == commands
    assert [route for route, entity, *_ in rows if entity == "Recording"] == commands[1:]


@pytest.mark.parametrize("days", ["default=0", "default=soon", "sms=3", "FAX=3"])
def test_invalid_days_are_named(firm: Firm, days: str) -> None:
    assert "retentionGroup" in told(firm, "retention", "default", "--days", days, exit_code=1)["error"]
    assert run(firm.settings, "retention", "default", CLIENT_ID, "--days", "3").exit_code == 2
    assert ledger(firm) == []


def test_tags_are_created_and_given_to_recordings(firm: Firm) -> None:
    recording_id = firm.ingest()
    tag = told(firm, "tag", "create", "Gold")["id"]
    assert told(firm, "tag", "create", "GOLD", exit_code=1) == {
        "error": f"There is already a tag GOLD, id {tag}."
    }
    assert told(firm, "tag", "set", recording_id, "Gold", "Silver")["tags"] == ["Gold", "Silver"]
    told(firm, "tag", "rename", tag, "Platinum")
    assert firm.search(freeText="platinum silver") == ["call-1"]
    assert "in use" in told(firm, "tag", "delete", tag, exit_code=1)["error"]
    assert told(firm, "tag", "set", recording_id)["tags"] == []
    told(firm, "tag", "delete", tag)
    assert told(firm, "tag", "list") == [{"id": tag + 1, "tag": "Silver"}]
    assert "Silver" in said(firm, "tag", "list")
    assert ("earwitness tag set", "Tag", tag + 1, None) in ledger(firm)  # Silver, which was new
    assert len(ledger(firm)) == 6


def test_people_and_their_endpoints_are_created_and_changed(firm: Firm) -> None:
    words = ("--email", "ann@example.com", "--endpoint", "phone=+44 20 1", "--group", "Department=Support")
    ann = told(firm, "person", "create", "Ann Bell", *words)
    assert firm.post("/client/people.get", [ann["id"]])[0]["endpoints"][0]["endpoint"] == "44201"
    group = told(firm, "retention", "create", "Desk", "--days", "default=10")["id"]
    changed = told(firm, "person", "set", ann["id"], "--full-name", "Ann Cole", "--retention-group", group)
    assert (changed["fullName"], changed["retentionGroupId"]) == ("Ann Cole", group)
    assert changed["autoGroupAssignment"][0]["groupValue"] == "Support"
    assert told(firm, "person", "set", ann["id"], "--retention-group", "none")["retentionGroupId"] is None
    for unknown in ("x", "9" * 19, "9" * 30):
        error = told(firm, "person", "set", 1, "--retention-group", unknown, exit_code=1)["error"]
        assert "retentionGroupId" in error
    told(firm, "person", "end", ann["id"])
    assert "Ann Cole (inactive)" in said(firm, "person", "list", "--find", "cole")
    assert told(firm, "person", "list", "--find", "nobody")["total"] == 0

    (owned,) = told(firm, "endpoint", "list", "--find", "44201")
    assert owned["ownedByFullName"] == "Ann Cole"
    label = ("--label", "Desk phone", "--owner", "none", "--private")
    changed = told(firm, "endpoint", "set", owned["id"], *label)
    assert (changed["metadata"], changed["ownedByPersonId"]) == ({"label": "Desk phone"}, None)
    assert changed["isPrivate"] is True
    made = told(firm, "endpoint", "create", "email", "Bob@example.com", "--owner", ann["id"])
    assert "Ann Cole" in said(firm, "endpoint", "list")
    told(firm, "endpoint", "delete", made["id"])
    assert told(firm, "endpoint", "create", "fax", "1", exit_code=1)["error"].startswith("type: ")
    assert {entity for _, entity, *_ in ledger(firm)} == {"Person", "Endpoint", "RetentionGroup"}


def test_policies_limit_users(firm: Firm) -> None:
    firm.add_user("bob", [Right.RECORDING_VIEW])
    firm.ingest(dataGroups={"Desk": "FX"})
    firm.ingest(thirdPartyId="call-2", dataGroups={"Desk": "Rates"})
    made = told(firm, "policy", "create", "FX", "--data-group", "Desk=FX", "--data-group", "Desk=Metals")
    assert told(firm, "policy", "assign", "bob", "FX")["policies"] == ["FX"]
    assert firm.search(as_user="bob") == ["call-1"]
    assert "assigned to 1 user" in told(firm, "policy", "delete", made["id"], exit_code=1)["error"]
    changed = told(firm, "policy", "set", made["id"], "--data-group", "Desk=Rates", "--type", "phone")
    assert changed["dataGroups"] == {"Desk": ["Rates"]}
    assert firm.search(as_user="bob") == ["call-2"]
    assert told(firm, "policy", "list") == firm.get("/admin/accessPolicy")
    assert "Desk: Rates" in said(firm, "policy", "list")
    assert "there is no access policy FY" in told(firm, "policy", "assign", "bob", "FY", exit_code=1)["error"]
    assert told(firm, "policy", "assign", "bob")["policies"] == []
    assert len(firm.search(as_user="bob")) == 2
    told(firm, "policy", "delete", made["id"])
    assert [entity for _, entity, *_ in ledger(firm)] == [
        "AccessPolicy",
        "User",
        "AccessPolicy",
        "User",
        "AccessPolicy",
    ]


def test_a_user_is_changed(firm: Firm) -> None:
    firm.post("/admin/person", {"fullName": "Bob Cole"})
    firm.add_user("bob", [Right.RECORDING_VIEW], email="bob@example.com")
    words = ("--role", "Recorder", "--right", "People.View", "--person", 1, "--full-name", "Bob C.")
    changed = told(firm, "user", "set", "bob", *words)
    assert (changed["rolesAndRights"], changed["personId"]) == (["Recorder", "People.View"], 1)
    assert (changed["fullName"], changed["email"]) == ("Bob C.", "bob@example.com")
    assert firm.call("POST", PAGE, {}, as_user="bob").status_code == 403
    assert told(firm, "user", "set", "bob", "--person", "none")["personId"] is None
    assert "Recorder?" in told(firm, "user", "set", "bob", "--role", "Recordr", exit_code=1)["error"]
    assert "Nothing to change" in told(firm, "user", "set", "bob", exit_code=1)["error"]
    assert (
        "last active Admin"
        in told(firm, "user", "set", "admin@example.com", "--role", "Recorder", exit_code=1)["error"]
    )
    assert [metadata for *_, metadata in ledger(firm)] == [
        {"fullName": "Bob C.", "rolesAndRights": ["Recorder", "People.View"], "personId": 1},
        {"personId": None},
    ]


def test_comments_are_shown_and_withdrawn(firm: Firm) -> None:
    recording_id = firm.ingest(isPrivate=True)
    comment_id = firm.post("/client/recording/comment", {"recordingId": recording_id, "comment": "Hm."})[
        "commentId"
    ]
    (shown,) = told(firm, "comment", "list", recording_id)
    assert (shown["commentId"], shown["comment"], shown["username"]) == (
        comment_id,
        "Hm.",
        "admin@example.com",
    )
    assert "Hm." in said(firm, "comment", "list", recording_id)
    assert "no recording 99" in told(firm, "comment", "list", 99, exit_code=1)["error"]
    told(firm, "comment", "withdraw", recording_id, comment_id)
    assert firm.get("/client/recording/comment", recordingId=recording_id) == []
    listed = ("earwitness comment list", "Recording", recording_id, None)
    withdrawn = {"withdrawnCommentId": comment_id}
    assert ledger(firm) == [
        listed,
        listed,
        ("earwitness comment withdraw", "Recording", recording_id, withdrawn),
    ]


def test_all_that_a_search_finds_is_put_under_a_hold(firm: Firm) -> None:
    add_recordings(firm, add_people(firm, 1), 1_200)
    hold = told(firm, "hold", "create", "Enquiry 14")["id"]

    def selected(*words: object, exit_code: int = 0) -> Any:
        return run_json(firm.settings, "select", CLIENT_ID, *words, exit_code=exit_code)

    queued = selected("{}", "--hold", hold, "--no-wait")
    assert (queued["state"], queued["total"]) == ("queued", 1_200)
    done = selected('{"direction": "In"}', "--hold", hold, "--add-tag", "Gold")
    assert done == {"jobId": 2, "state": "done", "done": 1_200, "total": 1_200, "error": None}
    assert told(firm, "hold", "show", hold)["total"] == 1_200
    assert "earwitness hold recordings` lists them" in said(firm, "hold", "show", hold)
    assert told(firm, "hold", "recordings", hold, "--page", 2)[-1] == {"interactionId": 1_200}
    assert selected("--id", 7, "--remove-tag", "Gold")["total"] == 1
    assert "expected either filters" in selected("--hold", hold, exit_code=1)["error"]
    assert "JSON" in selected("{", "--hold", hold, exit_code=1)["error"]
    result = run(firm.settings, "select", CLIENT_ID, "{}", "--hold", hold)
    assert "Changed 1200 recordings." in result.stdout
